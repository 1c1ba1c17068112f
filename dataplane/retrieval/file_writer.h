#pragma once
// FileWriter: writes a file beside its place and publishes it by rename, so that readers see the
// whole file or none. Whatever fails, nothing half-written is left behind. One owner, one thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::retrieval {

class FileWriter {
 public:
  // kUnavailable if the file cannot be made (the message names the cause: no space, read-only, …).
  [[nodiscard]] static Result<FileWriter> create(const std::string& path);
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&& other) = delete;
  // Removes the file unless it was published.
  ~FileWriter();

  [[nodiscard]] Status append(std::string_view bytes);
  // Over what has been appended already.
  [[nodiscard]] Status overwrite(std::uint64_t offset, std::string_view bytes);

  // Bytes appended so far.
  [[nodiscard]] std::uint64_t size() const { return size_ + buffer_.size(); }

  // Makes it durable and gives it its name.
  [[nodiscard]] Status publish();

 private:
  explicit FileWriter(std::string path);
  [[nodiscard]] Status write_at(std::uint64_t offset, std::string_view bytes);
  [[nodiscard]] Status flush();
  [[nodiscard]] tl::unexpected<Error> failed(std::string_view what) const;

  std::string path_;
  std::string partial_path_;
  int file_ = -1;
  std::uint64_t size_ = 0;  // Written; the buffer comes behind.
  std::string buffer_;
};

}  // namespace sluice::retrieval
