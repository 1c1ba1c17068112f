#include "dataplane/retrieval/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/sha256.h"

namespace sluice::retrieval {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr int kGzipOnly = 15 + 16;  // zlib's window bits for a gzip header.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

struct LineReader::State {
  std::string path;
  std::size_t line_bytes_max = 0;
  int file = -1;
  struct stat opened{};
  Sha256 sha256;
  std::uint64_t bytes_read = 0;
  std::vector<char> raw = std::vector<char>(kBufferBytes);

  bool is_gzip = false;
  z_stream zlib{};
  bool in_member = false;  // Between a gzip header and its trailer.

  std::string text;  // Decoded bytes; those before `at` are used up.
  std::size_t at = 0;
  std::uint64_t lines = 0;
  bool is_at_end = false;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    if (is_gzip) {
      inflateEnd(&zlib);
    }
    if (file >= 0) {
      ::close(file);
    }
  }

  Result<std::size_t> read_raw();
  Status fill();
  Status inflate_raw(std::size_t size);
  Status finish();
};

// Reads a piece of the file as it is stored; 0 at its end.
Result<std::size_t> LineReader::State::read_raw() {
  const ssize_t n = ::read(file, raw.data(), raw.size());
  if (n < 0) {
    return fail(ErrorCode::kUnavailable, "cannot read " + path + ": " + std::strerror(errno));
  }
  sha256.update({raw.data(), static_cast<std::size_t>(n)});
  bytes_read += static_cast<std::uint64_t>(n);
  return static_cast<std::size_t>(n);
}

// Adds decoded text, or notices the end.
Status LineReader::State::fill() {
  text.erase(0, at);
  at = 0;
  const bool is_start = bytes_read == 0;
  const Result<std::size_t> size = read_raw();
  if (!size) {
    return fail(size.error());
  }
  if (*size == 0) {
    return finish();
  }
  if (is_start && *size >= 2 && raw[0] == '\x1f' && raw[1] == '\x8b') {
    is_gzip = inflateInit2(&zlib, kGzipOnly) == Z_OK;
    if (!is_gzip) {
      return fail(ErrorCode::kInternal, "zlib cannot start");
    }
    in_member = true;
  }
  if (is_gzip) {
    if (Status inflated = inflate_raw(*size); !inflated) {
      return inflated;
    }
  } else {
    text.append(raw.data(), *size);
  }
  if (is_start && text.starts_with(kByteOrderMark)) {
    at = kByteOrderMark.size();
  }
  return {};
}

Status LineReader::State::inflate_raw(std::size_t size) {
  std::vector<char> out(kBufferBytes);
  zlib.next_in = reinterpret_cast<Bytef*>(raw.data());
  zlib.avail_in = static_cast<uInt>(size);
  while (zlib.avail_in > 0) {
    if (!in_member) {  // Another member follows (files made by appending).
      inflateReset(&zlib);
      in_member = true;
    }
    do {
      zlib.next_out = reinterpret_cast<Bytef*>(out.data());
      zlib.avail_out = static_cast<uInt>(out.size());
      const int code = inflate(&zlib, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return fail(ErrorCode::kInvalid, path + " is a damaged gzip file");
      }
      text.append(out.data(), out.size() - zlib.avail_out);
      if (code == Z_STREAM_END) {
        in_member = false;
        break;
      }
    } while (zlib.avail_out == 0);
  }
  return {};
}

Status LineReader::State::finish() {
  is_at_end = true;
  if (in_member) {
    return fail(ErrorCode::kInvalid, path + " is a gzip file that ends early (truncated)");
  }
  struct stat now{};
  if (::fstat(file, &now) != 0 || now.st_size != opened.st_size ||
      now.st_mtim.tv_sec != opened.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != opened.st_mtim.tv_nsec) {
    return fail(ErrorCode::kConflict, path + " changed while it was read");
  }
  return {};
}

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

LineReader::LineReader(LineReader&& other) noexcept = default;
LineReader& LineReader::operator=(LineReader&& other) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::string& path, std::size_t line_bytes_max) {
  CHECK(line_bytes_max > 0);
  auto state = std::make_unique<State>();
  state->path = path;
  state->line_bytes_max = line_bytes_max;
  state->file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (state->file < 0 || ::fstat(state->file, &state->opened) != 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
    return fail(code, "cannot read " + path + ": " + std::strerror(errno));
  }
  if (!S_ISREG(state->opened.st_mode)) {
    return fail(ErrorCode::kInvalid, path + " is not a file");
  }
  return LineReader(std::move(state));
}

Result<std::optional<Line>> LineReader::next() {
  State& s = *state_;
  bool is_too_long = false;
  std::size_t searched = 0;  // Behind s.at; has no line break.
  for (;;) {
    const std::size_t end = s.text.find('\n', s.at + searched);
    const bool is_last = end == std::string::npos && s.is_at_end;
    if (end == std::string::npos && !is_last) {
      searched = s.text.size() - s.at;
      if (searched > s.line_bytes_max) {  // Forget it, and go on to its end.
        is_too_long = true;
        s.at = s.text.size();
        searched = 0;
      }
      if (Status filled = s.fill(); !filled) {
        return fail(filled.error());
      }
      continue;
    }
    if (is_last && s.at == s.text.size() && !is_too_long) {
      return std::nullopt;
    }
    std::string_view line(s.text);
    line = line.substr(s.at, is_last ? std::string::npos : end - s.at);
    s.at = is_last ? s.text.size() : end + 1;
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    is_too_long = is_too_long || line.size() > s.line_bytes_max;
    return Line{.text = is_too_long ? std::string_view{} : line,
                .number = ++s.lines,
                .is_too_long = is_too_long};
  }
}

std::string LineReader::digest() {
  CHECK(state_->is_at_end);
  return state_->sha256.finish();
}

std::uint64_t LineReader::bytes_read() const {
  return state_->bytes_read;
}

std::uint64_t LineReader::bytes_total() const {
  return static_cast<std::uint64_t>(state_->opened.st_size);
}

}  // namespace sluice::retrieval
