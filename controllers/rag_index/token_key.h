#pragma once
// TokenKey: the one secret from which the tokens of all indexes are made, so that the operator need
// not read their Secrets. It is kept in a Secret of the operator's own namespace: made when there
// is none, read at the start and once a minute from then on. Whoever deletes that Secret gets
// another key, and so other tokens for all indexes. What it was given outlives it. Loop thread.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "apiclient/client.h"
#include "apiclient/types/meta.h"

namespace sluice::rag_index {

// Where the key is, in its Secret.
inline constexpr std::string_view kTokenKeyName = "sluice-token-key";
inline constexpr std::string_view kTokenKeyEntry = "key";
// Fewer bytes are no key.
inline constexpr std::size_t kTokenKeyBytesMin = 32;

class TokenKey {
 public:
  TokenKey(const ApiContext& context, std::string_view namespace_name);
  ~TokenKey();
  TokenKey(const TokenKey&) = delete;
  TokenKey& operator=(const TokenKey&) = delete;

  void start();
  void stop();

  // Called when the key is another than before; not for the first.
  void on_change(std::function<void()> handler) { on_change_ = std::move(handler); }

  // Once known, a key is used until another is read.
  [[nodiscard]] bool is_known() const { return !key_.empty(); }

  // Why it cannot be read now.
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

  // The token of the index with this UID, 64 hex digits; empty while the key is not known.
  [[nodiscard]] std::string token_of(std::string_view uid) const;

 private:
  void look();
  void looked(const Result<std::string>& body);
  void make();
  void take(const Result<std::string>& body);
  void failed(const Error& error);
  void look_in(Duration delay);

  Loop& loop_;
  Client& client_;
  kube::ObjectKey secret_;
  std::string key_;
  std::optional<Error> problem_;
  std::function<void()> on_change_;
  Duration backoff_;
  CallId call_;
  TimerId next_look_;
  bool is_running_ = false;
};

}  // namespace sluice::rag_index
