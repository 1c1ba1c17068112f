#pragma once
// Internal to CurlTransport: one exchange and how its libcurl handle is set up. Includes curl, so
// only .cc files of this folder include it.

#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "apiclient/credentials.h"
#include "apiclient/transport.h"
#include "base/loop.h"

namespace sluice {

struct CurlDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct CurlTransfer {
  std::uint64_t id = 0;
  HttpRequest request;
  HttpHandler handler;
  HttpResponse response;
  std::unique_ptr<CURL, CurlDeleter> easy = nullptr;
  std::unique_ptr<curl_slist, ListDeleter> header_list = nullptr;
  std::unique_ptr<curl_slist, ListDeleter> connect_to = nullptr;
  char error_text[CURL_ERROR_SIZE] = {};
  TimerId deadline = {};
  TimerId idle = {};
  MonotonicTime last_byte;
  std::string pending;  // Received and not yet handed to on_chunk.
  std::size_t header_bytes = 0;
  bool is_running = false;  // Added to the multi handle.
  bool is_too_large = false;
  bool was_retried = false;  // With a token read again.

  [[nodiscard]] bool is_foreign() const { return !request.url.starts_with('/'); }

  [[nodiscard]] bool waits_for_slot() const { return !request.is_urgent && !handler.on_chunk; }

  [[nodiscard]] bool is_streaming() const {
    return handler.on_chunk && response.status >= 200 && response.status < 300;
  }
};

// Makes the handle for the transfer's request, ready to be added to a multi handle. The transfer
// must stay where it is while the handle lives.
void set_up_easy(CurlTransfer& transfer,
                 const ApiServerConfig& config,
                 const std::string& user_agent,
                 const std::string& bearer_token);

// What a failed transfer means to its caller.
[[nodiscard]] Error error_of(const CurlTransfer& transfer, CURLcode code);

}  // namespace sluice
