#include "dataplane/retrieval/digest.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/sha256.h"

namespace sluice::retrieval {

Result<std::string> digest_of_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
    return fail(code, "cannot read " + path + ": " + std::strerror(errno));
  }
  Sha256 digest;
  std::vector<char> buffer(256 * 1024);
  for (;;) {
    const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get());
    if (n == 0) {
      break;
    }
    digest.update({buffer.data(), n});
  }
  if (std::ferror(file.get()) != 0) {
    return fail(ErrorCode::kUnavailable, "cannot read " + path + ": " + std::strerror(errno));
  }
  return digest.finish();
}

}  // namespace sluice::retrieval
