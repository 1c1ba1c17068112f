#include "tests/fake_api/fake_api_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "apiclient/client.h"
#include "base/check.h"
#include "tests/fake_api/connection.h"
#include "tests/fake_api/server_core.h"

namespace sluice {

using fake::Json;
using fake::KindTraits;

namespace {

// Read once in a process: a simulation makes thousands of servers.
const std::vector<fake::CrdSchema>& schemas_in(const std::string& folder) {
  static std::map<std::string, std::vector<fake::CrdSchema>> known;
  const auto [found, is_new] = known.try_emplace(folder);
  if (!is_new) {
    return found->second;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml" && entry.path().stem() != "kustomization") {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  CHECK(!files.empty());
  for (const auto& path : files) {
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto schema = fake::CrdSchema::from_yaml(text);
    CHECK(schema.has_value());
    found->second.push_back(std::move(*schema));
  }
  return found->second;
}

}  // namespace

FakeApiServer::FakeApiServer(Loop& loop, Rng rng)
    : state_(std::make_unique<fake::ServerCore>(loop, rng)) {}

FakeApiServer::~FakeApiServer() = default;

void FakeApiServer::load_crds(const std::string& folder) {
  for (const fake::CrdSchema& schema : schemas_in(folder)) {
    std::ranges::copy(schema.rules_not_evaluated(), std::back_inserter(state_->unknown_rules));
    state_->api.add_kind({.group = schema.group(),
                          .version = schema.version(),
                          .kind = schema.kind(),
                          .plural = schema.plural(),
                          .has_status = schema.has_status(),
                          .has_generation = true,
                          .may_update_unconditionally = false,
                          .schema = std::make_shared<const fake::CrdSchema>(schema)});
  }
}

std::vector<std::string> FakeApiServer::rules_not_evaluated() const {
  return state_->unknown_rules;
}

std::unique_ptr<Transport> FakeApiServer::connect(std::string user) {
  return fake::make_connection(*state_, std::move(user));
}

Result<std::string> FakeApiServer::send(const ApiRequest& request, const std::string& user) {
  HttpResponse response = state_->handle(to_http(request), user);
  if (response.status < 200 || response.status >= 300) {
    return fail(error_of(response).with_context(request.describe()));
  }
  return std::move(response.body);
}

Result<std::string> FakeApiServer::apply_yaml(const std::string& yaml) {
  const auto document = JsonDocument::parse_yaml(yaml);
  if (!document) {
    return fail(document.error());
  }
  const Json object = Json::parse(document->root().text());
  const std::string kind_name = fake::text_at(object, {"kind"});
  const std::string api_version = fake::text_at(object, {"apiVersion"});
  for (const KindTraits* kind : state_->api.kinds()) {
    const std::string known =
        kind->group.empty() ? kind->version : kind->group + "/" + kind->version;
    if (kind->kind != kind_name || known != api_version) {
      continue;
    }
    std::string namespace_name = fake::text_at(object, {"metadata", "namespace"});
    namespace_name = namespace_name.empty() ? "default" : namespace_name;
    const kube::ResourceKind resource{kind->group, kind->version, kind->kind, kind->plural};
    HttpRequest http = to_http(apply_object(
        resource, {namespace_name, fake::text_at(object, {"metadata", "name"})}, object.dump()));
    http.url.replace(http.url.find("fieldManager=sluice"), 19, "fieldManager=kubectl");
    HttpResponse response = state_->handle(http, "kubectl");
    if (response.status >= 300) {
      return fail(error_of(response));
    }
    return std::move(response.body);
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("no matches for kind \"{}\" in version \"{}\"", kind_name, api_version));
}

FakeApiServer::Listed& FakeApiServer::listed_of(const kube::ResourceKind& kind,
                                                const std::string& namespace_name) {
  Listed& listed = listed_[{std::string(kind.plural), namespace_name}];
  const std::int64_t revision = revision_of(kind);
  if (listed.revision == revision) {
    return listed;
  }
  listed = {.revision = revision};
  const KindTraits* traits =
      state_->api.find_kind(std::string(kind.group), std::string(kind.plural));
  if (traits != nullptr) {
    const auto objects = state_->api.list(*traits, namespace_name, {});
    for (const Json& object : *objects) {
      listed.texts.push_back(object.dump());
    }
  }
  return listed;
}

void FakeApiServer::begin_deleting_namespace(const std::string& namespace_name) {
  state_->api.refuse_creates_in(namespace_name);
}

void FakeApiServer::delete_namespace(const std::string& namespace_name) {
  state_->api.terminate_namespace(namespace_name);
  state_->changed();
}

const std::vector<WriteRecord>& FakeApiServer::writes() const {
  return state_->writes;
}

std::uint64_t FakeApiServer::requests() const {
  return state_->requests;
}

std::uint64_t FakeApiServer::lists() const {
  return state_->lists;
}

std::size_t FakeApiServer::open_watches() const {
  return state_->hub.size();
}

std::int64_t FakeApiServer::revision() const {
  return state_->api.revision();
}

std::int64_t FakeApiServer::revision_of(const kube::ResourceKind& kind) const {
  const KindTraits* traits =
      state_->api.find_kind(std::string(kind.group), std::string(kind.plural));
  return traits == nullptr ? 0 : state_->api.last_change(traits->id());
}

void FakeApiServer::set_write_fault(std::function<Fault(const WriteRecord&)> fault) {
  state_->fault = std::move(fault);
}

void FakeApiServer::set_read_fault(std::function<Fault(const HttpRequest&)> fault) {
  state_->read_fault = std::move(fault);
}

void FakeApiServer::on_written(std::function<void(const WriteRecord&)> handler) {
  state_->on_written = std::move(handler);
}

void FakeApiServer::on_change(std::function<void()> handler) {
  state_->on_change.push_back(std::move(handler));
}

void FakeApiServer::set_latency(Duration one_way) {
  state_->latency = [one_way] { return one_way; };
}

void FakeApiServer::set_latency(std::function<Duration()> one_way) {
  state_->latency = std::move(one_way);
}

void FakeApiServer::set_watch_delay(Duration delay) {
  state_->hub.set_delay([delay] { return delay; });
}

void FakeApiServer::set_watch_delay(std::function<Duration()> delay) {
  state_->hub.set_delay(std::move(delay));
}

void FakeApiServer::set_reachable(bool is_reachable) {
  state_->is_reachable = is_reachable;
  if (!is_reachable) {
    state_->hub.cut_all();
  }
}

void FakeApiServer::set_foreign(
    std::function<std::optional<HttpResponse>(const HttpRequest&)> answer) {
  state_->foreign = std::move(answer);
}

void FakeApiServer::set_forbidden(const std::string& plural, bool is_forbidden) {
  if (is_forbidden) {
    state_->forbidden.insert(plural);
  } else {
    state_->forbidden.erase(plural);
  }
}

void FakeApiServer::cut_watches() {
  state_->hub.cut_all();
}

void FakeApiServer::stall_watches() {
  state_->hub.stall_all();
}

void FakeApiServer::compact() {
  state_->api.compact(state_->api.revision());
}

void FakeApiServer::set_streamed_lists(StreamedLists mode) {
  state_->streamed_lists = mode;
}

void FakeApiServer::set_gone_as_http(bool is_http) {
  state_->is_gone_http = is_http;
}

}  // namespace sluice
