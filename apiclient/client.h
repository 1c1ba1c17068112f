#pragma once
// Client: the verbs of the API server over a Transport. Answers come later, on the loop's thread,
// exactly once unless cancelled. Lives longer than all that use it. It never sends
// resourceVersion=0: such a read may be older than what we have acted on.
//
// Nothing is retried here but a 401 (by the transport): reconcilers and reflectors come back by
// themselves, with their own backoff, and honour Error::retry_after.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "apiclient/api_request.h"
#include "apiclient/transport.h"
#include "base/describe.h"
#include "base/loop.h"
#include "base/metrics.h"

namespace sluice {

struct ListRequest {
  kube::ResourceKind kind = {};
  std::string namespace_name = {};  // Empty: all namespaces.
  std::string label_selector = {};
  std::string field_selector = {};
  int limit = 500;  // 0: everything in one answer.
  std::string continue_token = {};
};

struct WatchRequest {
  kube::ResourceKind kind = {};
  std::string namespace_name = {};
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};  // Never "0".
  // WatchList (KEP-3157), without a resource_version: what is there now comes first, as consistent
  // as a list and without its size in memory on either side, and then a bookmark that says so.
  bool wants_initial_events = false;
  Duration timeout = std::chrono::minutes{5};
  Duration idle_timeout = std::chrono::seconds{150};
};

[[nodiscard]] HttpRequest to_http(const ListRequest& request);
[[nodiscard]] HttpRequest to_http(const WatchRequest& request);

// What a non-2xx answer means: code, the server's message, Retry-After.
[[nodiscard]] Error error_of(const HttpResponse& response);

// Names a call in progress; 0 names none.
struct CallId {
  std::uint64_t value = 0;
  auto operator<=>(const CallId&) const = default;
};

class Client;

// What whoever talks to the API server works with; all of it outlives them.
struct ApiContext {
  Loop& loop;
  Client& client;
  MetricsRegistry& metrics;
};

class Client {
 public:
  using Done = std::function<void(Result<std::string>)>;  // The answer's JSON.

  Client(Loop& loop, Transport& transport, MetricsRegistry& metrics);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  CallId send(const ApiRequest& request, Done done);

  template <class T>
  CallId get(const kube::ResourceKind& kind,
             const kube::ObjectKey& key,
             std::function<void(Result<T>)> done) {
    return send(get_object(kind, key), [done = std::move(done)](Result<std::string> body) {
      done(body ? from_json<T>(*body) : Result<T>(fail(body.error())));
    });
  }

  // One page; its JSON is a List object with metadata.continue.
  CallId list(const ListRequest& request, Done done);
  // The stream as it comes, then how it ended (an ordinary end is a value: the server's timeout).
  CallId watch(const WatchRequest& request,
               std::function<void(std::string_view)> on_bytes,
               std::function<void(Status)> on_end);

  // Legal at any moment; nothing is called afterwards.
  void cancel(CallId call);

  // Whether lists are asked for as streams; false once a server has refused one, for as long as
  // this process lives.
  [[nodiscard]] bool may_stream_lists() const { return may_stream_lists_; }

  void stop_streaming_lists() { may_stream_lists_ = false; }

  // A cache was filled or renewed, by a stream or by pages.
  void count_list(const kube::ResourceKind& kind, bool was_streamed);

  // Consulted before each write that is not urgent: false, and the write fails with kCancelled
  // without leaving the process. Reads are never fenced. Unset: all may pass.
  void set_fence(std::function<bool()> may_write);

 private:
  struct Call;
  CallId begin(HttpRequest http, const std::string& method, HttpHandler handler);
  CallId refuse(const std::string& what, Done done);
  void count(const std::string& method, const Result<HttpResponse>& outcome, Duration took);

  Loop& loop_;
  Transport& transport_;
  MetricsRegistry& metrics_;
  std::function<bool()> may_write_;
  bool may_stream_lists_ = true;
  std::uint64_t last_call_ = 0;
  std::map<std::uint64_t, Call> calls_;
  std::set<std::string> warnings_;  // Of the API server, logged once each.
};

}  // namespace sluice
