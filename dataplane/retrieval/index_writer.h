#pragma once
// IndexWriter: the index file, section by section, in bounded memory. Internal to the engine.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/file_writer.h"
#include "dataplane/retrieval/index_format.h"

struct XXH3_state_s;

namespace sluice::retrieval {

class IndexWriter {
 public:
  [[nodiscard]] static Result<IndexWriter> create(const std::string& path);

  // Each kind once, in any order; one section is open at a time.
  [[nodiscard]] Status begin(SectionKind kind);
  [[nodiscard]] Status append(std::string_view bytes);
  [[nodiscard]] Status end();

  template <class T>
  [[nodiscard]] Status append_array(const std::vector<T>& items) {
    return append({reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T)});
  }

  [[nodiscard]] Status write(SectionKind kind, std::string_view bytes);

  // Writes header and table and publishes the file. The file's size in bytes.
  [[nodiscard]] Result<std::uint64_t> publish();

 private:
  struct FreeState {
    void operator()(XXH3_state_s* state) const;
  };

  explicit IndexWriter(FileWriter file);

  FileWriter file_;
  std::unique_ptr<XXH3_state_s, FreeState> checksum_;
  std::vector<SectionEntry> table_;
  bool is_open_ = false;
};

}  // namespace sluice::retrieval
