#pragma once
// Files that are read whole. Blocks; any thread.

#include <cstddef>
#include <string>

#include "base/result.h"

namespace sluice {

// The bytes of a file. kInvalid, naming the path, if it cannot be read or has more than
// `bytes_max`.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace sluice
