#include "dataplane/worker/download.h"

#include <curl/curl.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/check.h"
#include "base/file.h"
#include "base/sha256.h"
#include "dataplane/retrieval/file_writer.h"

namespace sluice::worker {
namespace {

constexpr long kRedirectsMax = 5;
constexpr long kHttpOk = 200;
constexpr long kHttpUnauthorized = 401;
constexpr long kHttpForbidden = 403;
constexpr std::size_t kHeaderValueMax = 1024;
constexpr std::size_t kAuthorizationMax = std::size_t{16} * 1024;

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// What identifies the state of a resource; empty members were not sent.
struct Validators {
  std::string etag;
  std::string last_modified;
  std::string content_length;
};

struct Transfer {
  CURL* curl = nullptr;
  const DownloadOptions& options;
  curl_slist* headers = nullptr;
  retrieval::FileWriter* file = nullptr;  // Null: the body does not matter.
  Sha256 sha256 = {};
  std::uint64_t bytes = 0;
  bool is_too_large = false;
  Status disk = {};
  Validators validators = {};
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::string_view bytes(data, size * count);
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != kHttpOk || transfer.file == nullptr) {
    return bytes.size();
  }
  transfer.bytes += bytes.size();
  if (transfer.bytes > transfer.options.bytes_max) {
    transfer.is_too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.sha256.update(bytes);
  transfer.disk = transfer.file->append(bytes);
  return transfer.disk ? bytes.size() : CURL_WRITEFUNC_ERROR;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    transfer.validators = {};  // A redirect's headers are not the resource's.
    return line.size();
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return line.size();
  }
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  std::string_view value = line.substr(colon + 1);
  const std::size_t begin = value.find_first_not_of(" \t");
  const std::size_t end = value.find_last_not_of(" \t\r\n");
  value =
      begin == std::string_view::npos ? std::string_view{} : value.substr(begin, end - begin + 1);
  value = value.substr(0, kHeaderValueMax);
  if (name == "etag") {
    transfer.validators.etag = value;
  } else if (name == "last-modified") {
    transfer.validators.last_modified = value;
  } else if (name == "content-length") {
    transfer.validators.content_length = value;
  }
  return line.size();
}

// NOLINTNEXTLINE(readability-function-size): the parameters are those that curl gives.
int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const Transfer& transfer = *static_cast<Transfer*>(user);
  return transfer.options.should_stop && transfer.options.should_stop() ? 1 : 0;
}

// The request's own headers; null without any.
Outcome<Headers> headers_of(const DownloadOptions& options) {
  Headers headers(nullptr, &curl_slist_free_all);
  if (options.authorization_file.empty()) {
    return headers;
  }
  Result<std::string> value = read_file(options.authorization_file, kAuthorizationMax);
  while (value && (value->ends_with('\n') || value->ends_with('\r'))) {
    value->pop_back();
  }
  const bool is_sound = value && !value->empty() &&
                        std::ranges::all_of(*value, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_sound) {
    return failed(ExitCode::kSource,
                  options.url + " needs an authorization: " + options.authorization_file +
                      (value ? " is empty or not one line of plain text"
                             : " is not there; the Secret that secretRef names is missing or has "
                               "no such key"));
  }
  headers.reset(curl_slist_append(nullptr, ("Authorization: " + *value).c_str()));
  CHECK(headers != nullptr);
  return headers;
}

void set_options(Transfer& transfer, char* error_text) {
  const DownloadOptions& options = transfer.options;
  CURL* curl = transfer.curl;
  curl_easy_setopt(curl, CURLOPT_URL, options.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kRedirectsMax);
  // Curl keeps either from other hosts that a redirect may lead to.
  if (transfer.headers != nullptr) {
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer.headers);
  } else if (!options.token.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, options.token.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice-worker");
  curl_easy_setopt(
      curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(options.total_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
}

// Performs the transfer; the HTTP status is 200 afterwards.
Outcome<void> perform(Transfer& transfer) {
  char error_text[CURL_ERROR_SIZE] = "";
  set_options(transfer, error_text);
  const CURLcode code = curl_easy_perform(transfer.curl);
  const std::string& url = transfer.options.url;
  if (!transfer.disk) {
    return failed(ExitCode::kDisk, transfer.disk.error().message);
  }
  if (transfer.is_too_large) {
    return failed(ExitCode::kSource,
                  url + " is larger than " + std::to_string(transfer.options.bytes_max) + " bytes");
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return failed(ExitCode::kSource, "the download of " + url + " was stopped");
  }
  if (code == CURLE_PARTIAL_FILE) {
    return failed(ExitCode::kSource, url + " ended early: it changed, or the connection broke");
  }
  if (code != CURLE_OK) {
    const char* reason = error_text[0] != '\0' ? error_text : curl_easy_strerror(code);
    return failed(ExitCode::kSource, url + " is unreachable: " + reason);
  }
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != kHttpOk) {
    const bool is_refused = status == kHttpUnauthorized || status == kHttpForbidden;
    return failed(
        ExitCode::kSource,
        url + " answered with HTTP " + std::to_string(status) +
            (is_refused ? "; its secretRef names the Secret with its authorization" : ""));
  }
  return {};
}

// Whether the resource is still what was read. A server that does not answer HEAD is believed.
bool has_changed(const Transfer& before) {
  const Curl curl(curl_easy_init(), &curl_easy_cleanup);
  const Validators& read = before.validators;
  Transfer again{.curl = curl.get(), .options = before.options, .headers = before.headers};
  curl_easy_setopt(curl.get(), CURLOPT_NOBODY, 1L);
  if (!perform(again)) {
    return false;
  }
  const auto differs = [](const std::string& a, const std::string& b) {
    return !a.empty() && !b.empty() && a != b;
  };
  return differs(again.validators.etag, read.etag) ||
         differs(again.validators.last_modified, read.last_modified) ||
         differs(again.validators.content_length, read.content_length);
}

}  // namespace

void pause_for(std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable nothing;
  std::unique_lock lock(mutex);
  nothing.wait_for(lock, time, [] { return false; });
}

void set_up_downloads() {
  CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

Outcome<Download> download(const DownloadOptions& options) {
  Result<retrieval::FileWriter> file = retrieval::FileWriter::create(options.path);
  if (!file) {
    return failed(ExitCode::kDisk, file.error().message);
  }
  const Outcome<Headers> headers = headers_of(options);
  if (!headers) {
    return tl::make_unexpected(headers.error());
  }
  const Curl curl(curl_easy_init(), &curl_easy_cleanup);
  CHECK(curl != nullptr);
  Transfer transfer{
      .curl = curl.get(), .options = options, .headers = headers->get(), .file = &*file};
  if (Outcome<void> done = perform(transfer); !done) {
    return tl::make_unexpected(done.error());
  }
  Download result{.sha256 = transfer.sha256.finish(), .bytes = transfer.bytes};
  if (options.sha256 && result.sha256 != *options.sha256) {
    return failed(
        ExitCode::kArtifact,
        options.url + " has sha256 " + result.sha256 + ", not " + *options.sha256 + " as pinned");
  }
  if (options.checks_for_change && has_changed(transfer)) {
    return failed(ExitCode::kSource, options.url + " changed while it was read");
  }
  if (Status published = file->publish(); !published) {
    return failed(ExitCode::kDisk, published.error().message);
  }
  return result;
}

}  // namespace sluice::worker
