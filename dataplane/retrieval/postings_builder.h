#pragma once
// PostingsBuilder: turns chunks' terms into postings ordered by term. Keeps at most a given amount
// in memory; full, it sorts what it has into a run and puts it into a file of its own that has no
// name (so nothing is left behind). The vocabulary stays in memory. Internal to the engine.

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/index_format.h"

namespace sluice::retrieval {

class PostingsBuilder {
 public:
  // Runs go into `directory`.
  PostingsBuilder(std::string directory, std::size_t memory_bytes_max);
  PostingsBuilder(const PostingsBuilder&) = delete;
  PostingsBuilder& operator=(const PostingsBuilder&) = delete;
  ~PostingsBuilder();

  // A term of the chunk being built.
  void add(std::string_view term);
  // Ends the chunk; chunks are numbered from 0. kUnavailable if a run cannot be written.
  [[nodiscard]] Status end_chunk();

  // Terms added to the chunk being built.
  [[nodiscard]] std::uint32_t chunk_length() const {
    return static_cast<std::uint32_t>(chunk_terms_.size());
  }

  // The rest: no more chunks.
  [[nodiscard]] Status finish();

  // All terms in the order of their bytes. After finish().
  [[nodiscard]] std::vector<std::string_view> sorted_terms() const;
  // Gives the term's postings, in order, in one or more pieces. After finish().
  [[nodiscard]] Status for_each_piece(
      std::string_view term, const std::function<Status(std::span<const Posting>)>& sink) const;
  [[nodiscard]] std::uint32_t postings_of(std::string_view term) const;

  [[nodiscard]] std::uint64_t postings() const { return postings_; }

  [[nodiscard]] std::size_t runs() const { return runs_.size(); }

 private:
  struct Entry {
    std::uint32_t term;
    Posting posting;
  };

  // Postings ordered by term; those of term t are [starts[t], starts[t + 1]).
  struct Run {
    std::vector<std::uint64_t> starts;
    const Posting* postings = nullptr;
    void* mapping = nullptr;  // Null if `memory` holds them.
    std::size_t mapped_bytes = 0;
    std::vector<Posting> memory;
  };

  [[nodiscard]] Run sort_entries();
  [[nodiscard]] Status map_to_file(Run& run) const;

  std::string directory_;
  std::size_t entries_max_;
  std::deque<std::string> names_;  // By term number; the map's keys point into it.
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::vector<std::uint32_t> counts_;  // Postings of each term.
  std::vector<std::uint32_t> chunk_terms_;
  std::vector<Entry> entries_;
  std::vector<Run> runs_;
  std::uint32_t chunk_ = 0;
  std::uint64_t postings_ = 0;
};

}  // namespace sluice::retrieval
