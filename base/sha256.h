#pragma once
// SHA-256, whole or fed piece by piece: the identity of documents, models and artifacts; with a key
// (HMAC) also proof that its maker knew that key. Any thread.

#include <memory>
#include <string>
#include <string_view>

namespace sluice {

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

[[nodiscard]] std::string sha256_of(std::string_view bytes);
// HMAC-SHA256 (RFC 2104), 64 hexadecimal digits. The key may have any length.
[[nodiscard]] std::string hmac_sha256_of(std::string_view key, std::string_view bytes);

}  // namespace sluice
