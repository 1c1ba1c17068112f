#pragma once
// The digest of a file: what artifacts are named by.

#include <string>

#include "base/result.h"

namespace sluice::retrieval {

// Its sha256, 64 small hex digits. kNotFound or kUnavailable if it cannot be read.
[[nodiscard]] Result<std::string> digest_of_file(const std::string& path);

}  // namespace sluice::retrieval
