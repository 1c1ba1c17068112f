#include "dataplane/retrieval/postings_builder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace sluice::retrieval {
namespace {

// A file without a name in `directory`, or -1 with errno.
int nameless_file(const std::string& directory) {
  std::string name = directory + "/.sluice-run-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) {
    ::unlink(name.c_str());
  }
  return file;
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

PostingsBuilder::PostingsBuilder(std::string directory, std::size_t memory_bytes_max)
    : directory_(directory.empty() ? "." : std::move(directory)),
      // Sorting needs the postings a second time.
      entries_max_(std::max<std::size_t>(1, memory_bytes_max / (sizeof(Entry) + sizeof(Posting)))) {
}

PostingsBuilder::~PostingsBuilder() {
  for (const Run& run : runs_) {
    if (run.mapping != nullptr) {
      ::munmap(run.mapping, run.mapped_bytes);
    }
  }
}

void PostingsBuilder::add(std::string_view term) {
  const auto known = numbers_.find(term);
  if (known != numbers_.end()) {
    chunk_terms_.push_back(known->second);
    return;
  }
  const auto number = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(term);
  numbers_.emplace(names_.back(), number);
  counts_.push_back(0);
  chunk_terms_.push_back(number);
}

Status PostingsBuilder::end_chunk() {
  std::sort(chunk_terms_.begin(), chunk_terms_.end());
  for (std::size_t i = 0; i < chunk_terms_.size();) {
    std::size_t end = i + 1;
    while (end < chunk_terms_.size() && chunk_terms_[end] == chunk_terms_[i]) {
      ++end;
    }
    entries_.push_back(
        {.term = chunk_terms_[i],
         .posting = {.chunk = chunk_, .count = static_cast<std::uint32_t>(end - i)}});
    ++counts_[chunk_terms_[i]];
    ++postings_;
    i = end;
  }
  chunk_terms_.clear();
  ++chunk_;
  if (entries_.size() < entries_max_) {
    return {};
  }
  Run run = sort_entries();
  if (Status mapped = map_to_file(run); !mapped) {
    return mapped;
  }
  runs_.push_back(std::move(run));
  return {};
}

Status PostingsBuilder::finish() {
  Run run = sort_entries();
  run.postings = run.memory.data();
  runs_.push_back(std::move(run));
  return {};
}

// A counting sort by term; it keeps the chunks' order.
PostingsBuilder::Run PostingsBuilder::sort_entries() {
  Run run;
  run.starts.assign(names_.size() + 1, 0);
  for (const Entry& entry : entries_) {
    ++run.starts[entry.term + 1];
  }
  for (std::size_t i = 1; i < run.starts.size(); ++i) {
    run.starts[i] += run.starts[i - 1];
  }
  run.memory.resize(entries_.size());
  std::vector<std::uint64_t> next(run.starts.begin(), run.starts.end() - 1);
  for (const Entry& entry : entries_) {
    run.memory[next[entry.term]++] = entry.posting;
  }
  entries_.clear();
  return run;
}

Status PostingsBuilder::map_to_file(Run& run) const {
  const std::size_t bytes = run.memory.size() * sizeof(Posting);
  CHECK(bytes > 0);
  const int file = nameless_file(directory_);
  void* mapped = MAP_FAILED;
  if (file >= 0 && write_all(file, {reinterpret_cast<const char*>(run.memory.data()), bytes})) {
    mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  }
  const int cause = errno;
  if (file >= 0) {
    ::close(file);
  }
  if (mapped == MAP_FAILED) {
    const bool is_full = cause == ENOSPC || cause == EDQUOT;
    return fail(ErrorCode::kUnavailable,
                is_full ? "the disk is full while building in " + directory_
                        : "cannot write in " + directory_ + ": " + std::strerror(cause));
  }
  run.postings = static_cast<const Posting*>(mapped);
  run.mapping = mapped;
  run.mapped_bytes = bytes;
  run.memory = {};
  return {};
}

std::vector<std::string_view> PostingsBuilder::sorted_terms() const {
  std::vector<std::string_view> terms(names_.begin(), names_.end());
  std::sort(terms.begin(), terms.end());
  return terms;
}

std::uint32_t PostingsBuilder::postings_of(std::string_view term) const {
  return counts_.at(numbers_.at(term));
}

Status PostingsBuilder::for_each_piece(
    std::string_view term, const std::function<Status(std::span<const Posting>)>& sink) const {
  const std::uint32_t number = numbers_.at(term);
  for (const Run& run : runs_) {
    if (number + 1 >= run.starts.size()) {
      continue;  // The term came later than this run.
    }
    const std::uint64_t begin = run.starts[number];
    const std::uint64_t end = run.starts[number + 1];
    if (begin < end) {
      if (Status taken = sink({run.postings + begin, run.postings + end}); !taken) {
        return taken;
      }
    }
  }
  return {};
}

}  // namespace sluice::retrieval
