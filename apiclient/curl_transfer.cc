#include "apiclient/curl_transfer.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace sluice {
namespace {

constexpr long kConnectTimeoutMs = 5'000;
constexpr long kKeepaliveSeconds = 15;
constexpr int kUserTimeoutMs = 30'000;
constexpr std::size_t kHeadersMax = std::size_t{256} * 1024;

// libcurl's callbacks only store what came: all handlers run later, outside libcurl, where starting
// and cancelling transfers is allowed.
std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<CurlTransfer*>(user);
  const std::string_view line = trimmed({data, size * count});
  transfer.header_bytes += size * count;
  if (transfer.header_bytes > kHeadersMax) {
    transfer.is_too_large = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) {
    // A new answer begins: after "100 Continue", or a proxy's CONNECT.
    transfer.response.headers.clear();
    transfer.response.status = 0;
    return size * count;
  }
  if (line.empty()) {
    long status = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
    return size * count;
  }
  if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    transfer.response.headers.emplace_back(std::string(line.substr(0, colon)),
                                           std::string(trimmed(line.substr(colon + 1))));
  }
  return size * count;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<CurlTransfer*>(user);
  const std::size_t bytes = size * count;
  if (transfer.is_streaming()) {
    transfer.pending.append(data, bytes);
    return bytes;
  }
  if (transfer.response.body.size() + bytes > transfer.request.body_bytes_max) {
    transfer.is_too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

// A peer that vanished without a word is noticed by unanswered bytes too, not only by keepalive.
int on_socket(void*, curl_socket_t socket, curlsocktype) {
  const int timeout = kUserTimeoutMs;
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
  return CURL_SOCKOPT_OK;
}

curl_blob blob_of(const std::string& text) {
  // libcurl copies the text (CURL_BLOB_COPY), although the field is not const.
  return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
}

void set_material(CURL* easy, const TextOrFile& source, CURLoption blob_option, CURLoption path) {
  if (!source.text.empty()) {
    const curl_blob blob = blob_of(source.text);
    curl_easy_setopt(easy, blob_option, &blob);
  } else if (!source.path.empty()) {
    curl_easy_setopt(easy, path, source.path.c_str());
  }
}

void set_tls(CURL* easy, const ApiServerConfig& config) {
  // libcurl keeps a parsed CA store for 24 hours by path: a rotated CA would not be seen.
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, config.insecure_skip_verify ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, config.insecure_skip_verify ? 0L : 2L);
  set_material(easy, config.certificate_authority, CURLOPT_CAINFO_BLOB, CURLOPT_CAINFO);
  set_material(easy, config.client_certificate, CURLOPT_SSLCERT_BLOB, CURLOPT_SSLCERT);
  set_material(easy, config.client_key, CURLOPT_SSLKEY_BLOB, CURLOPT_SSLKEY);
  if (!config.proxy_url.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, config.proxy_url.c_str());
  }
}

void set_method_and_body(CURL* easy, const HttpRequest& request) {
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
      request.method == "PATCH") {
    curl_easy_setopt(
        easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());  // Lives with the transfer.
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_connection(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kKeepaliveSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kKeepaliveSeconds);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
}

void set_callbacks(CURL* easy, CurlTransfer& transfer) {
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error_text);
  // The id travels in the pointer: it is never followed. NOLINTNEXTLINE(performance-no-int-to-ptr)
  curl_easy_setopt(easy, CURLOPT_PRIVATE, reinterpret_cast<char*>(transfer.id));
}

curl_slist* header_list_of(const CurlTransfer& transfer, const std::string& bearer_token) {
  curl_slist* list = nullptr;
  const auto add = [&list](const std::string& line) {
    list = curl_slist_append(list, line.c_str());
  };
  for (const auto& [name, value] : transfer.request.headers) {
    std::string line = name;
    line.append(": ").append(value);
    add(line);
  }
  add("Expect:");  // Never wait for "100 Continue".
  if (!bearer_token.empty()) {
    add("Authorization: Bearer " + bearer_token);
  }
  return list;
}

// SNI and the name check follow the URL's host. With a tls-server-name the URL takes that name, the
// connection still goes to the server, and so does the Host header.
void set_server_name(CurlTransfer& transfer, const ApiServerConfig& config) {
  CURL* easy = transfer.easy.get();
  const std::string server = config.server.substr(config.server.find("//") + 2);
  const bool has_port =
      server.find(':', server.rfind(']') == std::string::npos ? 0 : server.rfind(']')) !=
      std::string::npos;
  const std::string url = "https://" + config.tls_server_name + transfer.request.url;
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  const std::string to = fmt::format("::{}{}", server, has_port ? "" : ":443");
  transfer.connect_to.reset(curl_slist_append(nullptr, to.c_str()));
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, transfer.connect_to.get());
  transfer.header_list.reset(
      curl_slist_append(transfer.header_list.release(), ("Host: " + server).c_str()));
}

}  // namespace

Error error_of(const CurlTransfer& transfer, CURLcode code) {
  const std::string text =
      transfer.error_text[0] != '\0' ? std::string(transfer.error_text) : curl_easy_strerror(code);
  if (transfer.is_too_large) {
    return {.code = ErrorCode::kInvalid,
            .message =
                fmt::format("the answer is larger than {} bytes", transfer.request.body_bytes_max)};
  }
  const auto kind =
      code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::kTimeout : ErrorCode::kUnavailable;
  return {.code = kind, .message = text};
}

void set_up_easy(CurlTransfer& transfer,
                 const ApiServerConfig& config,
                 const std::string& user_agent,
                 const std::string& bearer_token) {
  transfer.easy.reset(curl_easy_init());
  CURL* easy = transfer.easy.get();
  CHECK(easy != nullptr);
  transfer.response = {};
  transfer.header_bytes = 0;
  set_connection(easy);
  set_callbacks(easy, transfer);
  set_method_and_body(easy, transfer.request);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent.c_str());
  transfer.header_list.reset(header_list_of(transfer, bearer_token));
  if (transfer.is_foreign()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_URL, transfer.request.url.c_str());
  } else {
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_URL, (config.server + transfer.request.url).c_str());
    set_tls(easy, config);
    if (!config.tls_server_name.empty()) {
      set_server_name(transfer, config);
    }
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.header_list.get());
}

}  // namespace sluice
