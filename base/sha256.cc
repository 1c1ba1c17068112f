#include "base/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/check.h"
#include "base/hex.h"

namespace sluice {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();

  State() {
    CHECK(context != nullptr);
    CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&& other) noexcept = default;
Sha256& Sha256::operator=(Sha256&& other) noexcept = default;

void Sha256::update(std::string_view bytes) {
  CHECK(state_ != nullptr);
  CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::finish() {
  CHECK(state_ != nullptr);
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &size) == 1);
  CHECK(size == digest.size());
  state_.reset();
  return to_hex(digest);
}

std::string sha256_of(std::string_view bytes) {
  Sha256 sha256;
  sha256.update(bytes);
  return sha256.finish();
}

std::string hmac_sha256_of(std::string_view key, std::string_view bytes) {
  // An empty key is one too, and no null pointer to OpenSSL.
  const std::string held(key);
  const std::string message(bytes);
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(),
             held.data(),
             static_cast<int>(held.size()),
             reinterpret_cast<const unsigned char*>(message.data()),
             message.size(),
             digest.data(),
             &size) != nullptr);
  CHECK(size == digest.size());
  return to_hex(digest);
}

}  // namespace sluice
