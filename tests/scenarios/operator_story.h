#pragma once
// An act of the story played by the production Operator on an API server in this process, once,
// with at most one trouble: it dies right after one of its writes, or the reply to that write is
// lost. What must hold whenever anybody looks is watched with every write. For tests; virtual time.

#include <cstddef>
#include <string>
#include <vector>

namespace sluice {

enum class Act {
  kGoodChange,     // tfidf to bm25: evaluated, 10 %, 50 %, promoted.
  kBadQuality,     // The wrong field indexed: refused by its evaluation, without traffic.
  kFailingDrill,   // Evaluates well, then fails a fifth of its requests: rolled back.
  kFailingShadow,  // The same under a policy with a shadow step: no user is given to it.
  kNewWords,       // BM25 with the words of a ModelVersion: promoted.
  kWorseLater,     // Promoted under a policy with a watch, then it fails: back to the old stable.
};

enum class Trouble {
  kNone,
  kCrash,      // The operator is destroyed before it hears the reply; another one starts.
  kLostReply,  // The write is applied and the connection reset.
  kNoModels,   // The operator may not read ModelVersions, or their CRD is not installed.
};

struct Play {
  Act act = Act::kGoodChange;
  Trouble trouble = Trouble::kNone;
  std::size_t at_write = 0;  // From 1, of Ending::writes.
};

struct Ending {
  bool has_ended = false;  // The act came to its end and everything was tidied up.
  bool had_trouble = false;
  std::string where = {};                 // If not: where it stands.
  std::string cluster = {};               // normal_form() of what is left.
  std::vector<std::string> history = {};  // Witness::history().
  std::vector<std::string> events = {};   // Kind and reason of each, sorted.
  std::vector<std::string> wrong = {};    // What did not hold, a line each.
  // Until what is the act's own: the change, in kWorseLater the promotion.
  std::size_t writes_before_change = 0;
  // The operator's writes as "PUT RagIndex default/packages status", but for renewals of the lease.
  std::vector<std::string> writes = {};
};

[[nodiscard]] Ending play(const Play& play);

}  // namespace sluice
