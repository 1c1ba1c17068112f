#pragma once
// FakeApiServer: a Kubernetes API server inside the test's process, over the test's loop. It keeps
// objects as JSON, interprets the checked-in CRDs (pruning, defaults, validation, the CEL rules by
// a table) and answers HTTP as the real one does: versions, generations, the status subresource,
// preconditions, paging, watches with bookmarks, 410 and WatchList, server-side apply, garbage
// collection. Not modelled: authentication, admission webhooks, conversion, strategic and JSON
// patch, Table.
//
// Time passes only on the loop: a request takes `latency` each way. Destroy connections first.

#include <any>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apiclient/api_request.h"
#include "apiclient/transport.h"
#include "base/describe.h"
#include "base/loop.h"
#include "base/rng.h"

namespace sluice {
namespace fake {
struct ServerCore;
}  // namespace fake

// One write as the server saw it.
struct WriteRecord {
  int number = 0;         // From 1, per server.
  std::string user = {};  // Of the connection; "gc" and what tests call themselves.
  std::string method = {};
  std::string kind = {};
  kube::ObjectKey key = {};
  bool is_status = false;
  std::string body = {};
  int status = 0;           // HTTP; 0 while the fault hook is asked.
  bool is_changed = false;  // Something is different now: a new resource version, or gone.
};

enum class Fault {
  kNone,
  kLoseRequest,  // Never arrives: connection reset.
  kLoseReply,    // Applied, but the connection is reset before the reply.
  kHang,         // Applied, and no reply ever comes: the deadline passes.
  kUnavailable,  // 503, not applied.
  kThrottle,     // 429 with Retry-After: 1, not applied.
  kConflict,     // 409 as if somebody else had written in between, not applied.
};

// What the server makes of a watch that asks for what is there first (WatchList).
enum class StreamedLists {
  kServed,
  kRefused,  // The feature is off: 422.
  kIgnored,  // Sent, but nothing says where it ends.
};

class FakeApiServer {
 public:
  FakeApiServer(Loop& loop, Rng rng);
  ~FakeApiServer();
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  // Serves the kinds of every CRD in a folder ("config/crd"). Until then they are 404.
  void load_crds(const std::string& folder);
  // CEL rules of the loaded CRDs that are not evaluated here; a test asserts that there are none.
  [[nodiscard]] std::vector<std::string> rules_not_evaluated() const;

  // The transport of one process; `user` names it in the write log.
  [[nodiscard]] std::unique_ptr<Transport> connect(std::string user);

  // --- As somebody at the console: at once, without latency or faults. ---
  Result<std::string> send(const ApiRequest& request, const std::string& user = "test");
  // `kubectl apply --server-side` of one YAML document, as manager "kubectl".
  Result<std::string> apply_yaml(const std::string& yaml);

  template <class T>
  Result<T> get(const kube::ResourceKind& kind, const kube::ObjectKey& key) {
    const auto body = send(get_object(kind, key));
    return body ? from_json<T>(*body) : Result<T>(fail(body.error()));
  }

  // Of one namespace, or of all when it is empty. What cannot be read is left out.
  template <class T>
  std::vector<T> list(const kube::ResourceKind& kind, const std::string& namespace_name = {}) {
    Listed& listed = listed_of(kind, namespace_name);
    const auto* known = std::any_cast<std::vector<T>>(&listed.decoded);
    if (known != nullptr) {
      return *known;
    }
    std::vector<T> all;
    for (const std::string& body : listed.texts) {
      if (auto object = from_json<T>(body)) {
        all.push_back(std::move(*object));
      }
    }
    listed.decoded = all;
    return all;
  }

  [[nodiscard]] std::vector<std::string> list_text(const kube::ResourceKind& kind,
                                                   const std::string& namespace_name = {}) {
    return listed_of(kind, namespace_name).texts;
  }

  // Deletes its content; creates in it are refused from then on.
  void delete_namespace(const std::string& namespace_name);
  // The beginning of that: creates are refused, and nothing has been deleted yet.
  void begin_deleting_namespace(const std::string& namespace_name);

  // --- What tests look at. ---
  [[nodiscard]] const std::vector<WriteRecord>& writes() const;
  // Requests so far, of all connections and kinds.
  [[nodiscard]] std::uint64_t requests() const;
  // Pages of lists; a streamed one is none.
  [[nodiscard]] std::uint64_t lists() const;
  [[nodiscard]] std::size_t open_watches() const;
  [[nodiscard]] std::int64_t revision() const;
  // Of the last change of any object of a kind; 0 before the first.
  [[nodiscard]] std::int64_t revision_of(const kube::ResourceKind& kind) const;

  // --- What tests do to it. ---
  // Asked before each write of a connection.
  void set_write_fault(std::function<Fault(const WriteRecord&)> fault);
  // Asked before each get, list and watch of a connection.
  void set_read_fault(std::function<Fault(const HttpRequest&)> fault);
  // Told after each write of a connection.
  void on_written(std::function<void(const WriteRecord&)> handler);
  // Told (on the loop, soon) when anything changed; for actors.
  void on_change(std::function<void()> handler);
  void set_latency(Duration one_way);
  // Asked for each request and each reply.
  void set_latency(std::function<Duration()> one_way);
  // How much later watches hear of changes; asked for each time that one is told.
  void set_watch_delay(Duration delay);
  void set_watch_delay(std::function<Duration()> delay);
  // Away: every request fails, and watches are cut.
  void set_reachable(bool is_reachable);
  // Answers requests to other hosts (absolute URLs: routers, builders) after the same latency;
  // empty is a refused connection, as is everything before this is set.
  void set_foreign(std::function<std::optional<HttpResponse>(const HttpRequest&)> answer);
  // 403 for everything of a kind, by plural name.
  void set_forbidden(const std::string& plural, bool is_forbidden);
  // Ends every open watch, as a rolling API server does.
  void cut_watches();
  // Every open watch hears nothing any more, neither changes nor bookmarks nor an end, as behind a
  // connection that broke without a word.
  void stall_watches();
  // Forgets all changes so far: watches from before get 410, as do continue tokens.
  void compact();
  void set_streamed_lists(StreamedLists mode);
  // 410 as an HTTP status rather than an ERROR event.
  void set_gone_as_http(bool is_http);

 private:
  // What a kind was when it last changed: asked for much more often than it changes.
  struct Listed {
    std::int64_t revision = -1;
    std::vector<std::string> texts = {};
    std::any decoded = {};  // The same, as a vector of whoever last asked for that.
  };

  Listed& listed_of(const kube::ResourceKind& kind, const std::string& namespace_name);

  std::unique_ptr<fake::ServerCore> state_;
  std::map<std::pair<std::string, std::string>, Listed> listed_;  // By plural name and namespace.
};

}  // namespace sluice
