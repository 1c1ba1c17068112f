#include "base/file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace sluice {

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 16 * 1024> piece{};
  while (file && text.size() <= bytes_max) {
    file.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (text.size() > bytes_max) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is larger than {} bytes", path, bytes_max));
  }
  if (!file.eof() || file.bad()) {
    return fail(ErrorCode::kInvalid, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  return text;
}

}  // namespace sluice
