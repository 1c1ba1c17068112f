#pragma once
// LineReader: the lines of a text file, plain or gzip (by its first bytes), in bounded memory, with
// the SHA-256 of the file's own bytes. One owner, one thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::retrieval {

struct Line {
  std::string_view text = {};  // Without its line break; valid until the next call.
  std::uint64_t number = 0;    // From 1.
  bool is_too_long = false;    // Skipped; `text` is empty.
};

class LineReader {
 public:
  // kNotFound or kUnavailable if the file cannot be opened.
  [[nodiscard]] static Result<LineReader> open(const std::string& path, std::size_t line_bytes_max);
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&& other) noexcept;
  ~LineReader();

  // The next line, or nothing at the end. kInvalid if the gzip stream is damaged or ends early,
  // kUnavailable if reading fails, kConflict if the file changed while it was read.
  [[nodiscard]] Result<std::optional<Line>> next();

  // Of the file as it is stored. Only after next() has returned nothing.
  [[nodiscard]] std::string digest();

  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::uint64_t bytes_total() const;

 private:
  struct State;
  explicit LineReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace sluice::retrieval
