#pragma once
// Folding: one word in the form in which words are compared. Pure. Internal to the engine.

#include <string>
#include <string_view>

namespace sluice::retrieval {

// Writes the word in lower case; outside ASCII composed and case-folded, so that two spellings of
// the same letters are one term. Cut to 128 bytes: longer ones are data, not words.
void fold_word(std::string_view word, std::string& out);

// Takes the English possessive 's away.
void strip_possessive(std::string& term);

}  // namespace sluice::retrieval
