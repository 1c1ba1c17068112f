#include "controllers/rag_index/token_key.h"

#include <fmt/format.h>

#include <algorithm>

#include "apiclient/types/core.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/describe.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/sha256.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

constexpr Duration kLookEvery = std::chrono::minutes(1);
constexpr Duration kBackoffFirst = std::chrono::seconds(1);
constexpr Duration kBackoffMax = std::chrono::seconds(30);
constexpr Duration kDeadline = std::chrono::seconds(10);

// Neither waits for a slot nor for the lease: a standby makes the key too if it is the first to
// look, and of two that make it at once one is told so.
ApiRequest at_once(ApiRequest request) {
  request.is_urgent = true;
  request.deadline = kDeadline;
  return request;
}

std::string secret_with(const std::string& key, const kube::ObjectKey& name) {
  JsonWriter json;
  json.begin_object().member("apiVersion", std::string_view(kube::kSecretKind.api_version()));
  json.member("kind", kube::kSecretKind.kind).key("metadata").begin_object();
  json.member("name", std::string_view(name.name));
  json.member("namespace", std::string_view(name.namespace_name));
  json.key("labels").begin_object().member(api::kManagedByLabel, "sluice").end_object();
  json.end_object().member("type", "sluice.dev/token-key").key("data").begin_object();
  json.member(kTokenKeyEntry, std::string_view(base64_encode(key)));
  return json.end_object().end_object().take();
}

// kInvalid: somebody put something else there.
Result<std::string> key_in(const std::string& body) {
  const auto secret = from_json<kube::Secret>(body);
  if (!secret) {
    return fail(secret.error());
  }
  const auto found = secret->data.find(std::string(kTokenKeyEntry));
  const auto key = found == secret->data.end() ? Result<std::string>(std::string())
                                               : base64_decode(found->second);
  if (!key || key->size() < kTokenKeyBytesMin) {
    return fail(ErrorCode::kInvalid,
                fmt::format("Secret {} has no \"{}\" of at least {} bytes: delete it, and another "
                            "is made",
                            secret->metadata.key().text(),
                            kTokenKeyEntry,
                            kTokenKeyBytesMin));
  }
  return *key;
}

}  // namespace

TokenKey::TokenKey(const ApiContext& context, std::string_view namespace_name)
    : loop_(context.loop),
      client_(context.client),
      secret_{std::string(namespace_name), std::string(kTokenKeyName)},
      backoff_(kBackoffFirst) {
  CHECK(!namespace_name.empty());
}

TokenKey::~TokenKey() {
  stop();
}

void TokenKey::start() {
  CHECK(!is_running_);
  is_running_ = true;
  look();
}

void TokenKey::stop() {
  is_running_ = false;
  client_.cancel(call_);
  loop_.cancel(next_look_);
}

std::string TokenKey::token_of(std::string_view uid) const {
  return key_.empty() ? std::string() : hmac_sha256_of(key_, uid);
}

void TokenKey::look() {
  call_ = client_.send(at_once(get_object(kube::kSecretKind, secret_)),
                       [this](const Result<std::string>& body) { looked(body); });
}

void TokenKey::looked(const Result<std::string>& body) {
  if (!body && body.error().code == ErrorCode::kNotFound) {
    make();
  } else {
    take(body);
  }
}

void TokenKey::make() {
  const std::string body = secret_with(fresh_word(), secret_);
  call_ = client_.send(at_once(create_object(kube::kSecretKind, secret_, body)),
                       [this](const Result<std::string>& answer) {
                         if (!answer && answer.error().code == ErrorCode::kConflict) {
                           look_in(kBackoffFirst);  // Another operator was quicker: its key counts.
                         } else {
                           take(answer);
                         }
                       });
}

void TokenKey::take(const Result<std::string>& body) {
  const auto key = body ? key_in(*body) : body;
  if (!key) {
    failed(key.error());
    return;
  }
  problem_.reset();
  backoff_ = kBackoffFirst;
  look_in(kLookEvery);
  if (*key == key_) {
    return;
  }
  const bool is_first = key_.empty();
  key_ = *key;
  log_info(is_first ? "the key of the tokens is known" : "the key of the tokens has changed",
           {{"secret", secret_.text()}});
  if (!is_first && on_change_) {
    on_change_();
  }
}

void TokenKey::failed(const Error& error) {
  if (!problem_ || problem_->code != error.code) {
    log_warn("cannot get the key of the tokens, trying again",
             {{"secret", secret_.text()}, {"error", error.describe()}});
  }
  problem_ = error;
  look_in(backoff_);
  backoff_ = std::min(2 * backoff_, kBackoffMax);
}

void TokenKey::look_in(Duration delay) {
  if (is_running_) {
    next_look_ = loop_.call_after(delay, [this] { look(); });
  }
}

}  // namespace sluice::rag_index
