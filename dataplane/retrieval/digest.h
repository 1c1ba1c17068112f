#pragma once
// SHA-256, fed piece by piece: the identity of documents and the check of artifacts.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::retrieval {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&& other) noexcept;
  Sha256& operator=(Sha256&& other) noexcept;
  void update(std::string_view bytes);
  // 64 hexadecimal digits, small letters. Once; the object is spent.
  [[nodiscard]] std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The digest of a whole file. kNotFound or kUnavailable if it cannot be read.
[[nodiscard]] Result<std::string> digest_of_file(const std::string& path);

}  // namespace sluice::retrieval
