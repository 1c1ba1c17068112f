#include "tests/sim/data_plane.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <tuple>
#include <utility>

#include "apiclient/types/discovery.h"
#include "base/check.h"
#include "base/describe.h"
#include "base/json_view.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/testing/world.h"
#include "crds/names.h"
#include "dataplane/router/core/admission.h"
#include "dataplane/wire/build_report.h"

namespace sluice {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(250);
constexpr Duration kHolderPatience = std::chrono::minutes(2);
constexpr int kGoldenQueries = 100;
// Until routers know of what became of a pod, and give it up.
constexpr Duration kExcuse = std::chrono::seconds(5);
constexpr Duration kRefusedAfter = std::chrono::milliseconds(1);

// What a spec makes of the documents, which are always the same: its index file and how good that
// is.
struct Made {
  char index;
  double ndcg;
};

constexpr std::array<Made, 3> kMade{{{'a', 0.7}, {'b', 0.75}, {'c', 0.3}}};

const Made& made_of(const api::RagIndexSpec& spec) {
  if (spec.documents.fields.text != "text") {
    return kMade[2];  // Another field is indexed than the one to be found by.
  }
  return spec.retrieval.mode == api::RetrievalMode::kBm25 ? kMade[1] : kMade[0];
}

api::RevisionFacts facts_of(const api::RagIndexSpec& spec) {
  const Made& made = made_of(spec);
  api::RevisionFacts facts = rag_index::facts_of(rag_index::digest_of('d'), made.ndcg);
  facts.index_digest = rag_index::digest_of(made.index);
  facts.evaluation->queries = kGoldenQueries;
  return facts;
}

wire::EvaluationResults evaluation_of(double mean) {
  wire::EvaluationResults results{.golden_digest = rag_index::digest_of('3')};
  for (int i = 0; i < kGoldenQueries; ++i) {
    results.ids.push_back("q" + std::to_string(i));
    results.ndcg_at_10.push_back(mean + 0.1 * ((i % 5) - 2));
    results.judged_at_10.push_back(0.1);
  }
  return results;
}

// What follows `flag` among a program's arguments; empty when it is not there.
std::string value_of(const std::vector<std::string>& arguments, std::string_view flag) {
  const auto found = std::ranges::find(arguments, flag);
  return found == arguments.end() || std::next(found) == arguments.end() ? std::string{}
                                                                         : *std::next(found);
}

std::vector<std::string> arguments_of(const std::string& pod) {
  std::vector<std::string> arguments;
  const auto document = JsonDocument::parse(pod);
  const auto spec = document ? document->root().find("spec") : std::nullopt;
  const auto containers = spec ? spec->find("containers") : std::nullopt;
  if (containers) {
    containers->for_each_element([&](JsonView container) {
      if (const auto words = container.find("args"); words && arguments.empty()) {
        words->for_each_element(
            [&](JsonView word) { arguments.emplace_back(word.as_string().value_or("")); });
      }
    });
  }
  return arguments;
}

}  // namespace

DataPlane::DataPlane(Surroundings surroundings, const Pace& pace, Rng rng)
    : loop_(surroundings.loop),
      server_(surroundings.server),
      actors_(surroundings.actors),
      pace_(pace),
      rng_(rng) {
  actors_.set_pod_plan([this](const kube::Pod&) {
    return PodPlan{.ready_after = draw(rng_, pace_.pod_start), .is_never_ready = true};
  });
  server_.set_foreign([this](const HttpRequest& request) { return answer(request); });
  timer_ = loop_.call_after(kTick, [this] { tick(); });
}

DataPlane::~DataPlane() {
  server_.set_foreign(nullptr);
  loop_.cancel(timer_);
}

void DataPlane::kill_pod(const kube::ObjectKey& pod) {
  const PodSeen* seen = find(pod);
  if (seen != nullptr) {
    hurt_at_[std::string(seen->pod.metadata.label(api::kRevisionLabel))] = loop_.now();
    static_cast<void>(
        server_.send(delete_object(kube::kPodKind, pod, {.uid = seen->pod.metadata.uid}), "chaos"));
    look();
  }
}

void DataPlane::make_unready(const kube::ObjectKey& pod, Duration span) {
  const PodSeen* seen = find(pod);
  if (seen != nullptr) {
    hurt_at_[std::string(seen->pod.metadata.label(api::kRevisionLabel))] = loop_.now();
    unready_until_[seen->pod.metadata.uid] = loop_.now() + span;
  }
}

void DataPlane::deafen_routers(Duration span) {
  deaf_until_ = std::max(deaf_until_, loop_.now() + span);
  loop_.call_after(span, [this] { seen_revision_ = -1; });  // Then they take the newest.
}

std::vector<kube::ObjectKey> DataPlane::pods(std::string_view component,
                                             std::string_view revision) const {
  std::vector<kube::ObjectKey> keys;
  for (const auto& [uid, seen] : pods_) {
    const kube::ObjectMeta& meta = seen.pod.metadata;
    if (meta.label(api::kComponentLabel) == component &&
        (revision.empty() || meta.label(api::kRevisionLabel) == revision)) {
      keys.push_back(meta.key());
    }
  }
  std::ranges::sort(keys);
  return keys;
}

const DataPlane::PodSeen* DataPlane::find(const kube::ObjectKey& pod) const {
  const auto found = std::ranges::find_if(
      pods_, [&](const auto& entry) { return entry.second.pod.metadata.key() == pod; });
  return found == pods_.end() ? nullptr : &found->second;
}

MonotonicTime DataPlane::last_ready(const std::string& revision) const {
  const auto found = last_ready_.find(revision);
  return found == last_ready_.end() ? MonotonicTime{} : found->second;
}

void DataPlane::tick() {
  timer_ = loop_.call_after(kTick, [this] { tick(); });
  const std::int64_t revision = std::max({server_.revision_of(kube::kPodKind),
                                          server_.revision_of(kube::kConfigMapKind),
                                          server_.revision_of(kube::kEndpointSliceKind)});
  if (seen_revision_ != revision) {
    seen_revision_ = revision;
    look();
  }
  for (const auto& [uid, seen] : pods_) {
    run_pod(seen);
  }
  note_ready();
  for (const auto& [uid, process] : processes_) {
    if (kube::is_ready(pods_.at(uid).pod)) {
      serve(*process);
    }
  }
}

// What a look at the cluster would have shown at this moment.
void DataPlane::note_ready() {
  for (const auto& [uid, seen] : pods_) {
    if (seen.pod.metadata.label(api::kComponentLabel) == api::kComponentWorker &&
        kube::is_ready(seen.pod)) {
      last_ready_[std::string(seen.pod.metadata.label(api::kRevisionLabel))] = loop_.now();
    }
  }
}

bool DataPlane::routers_have(std::int64_t epoch, std::int64_t generation) const {
  return std::ranges::all_of(processes_, [&](const auto& entry) {
    const auto& table = entry.second->table;
    return !table || std::tuple(table->epoch, table->generation) >= std::tuple(epoch, generation);
  });
}

void DataPlane::look() {
  std::map<std::string, PodSeen> before = std::exchange(pods_, {});
  by_address_.clear();
  for (const std::string& text : server_.list_text(kube::kPodKind)) {
    see_pod(text);
  }
  for (auto& [uid, seen] : pods_) {
    const auto known = before.find(uid);
    const bool is_new = known == before.end();
    seen.first_seen = is_new ? loop_.now() : known->second.first_seen;
    seen.build_time = is_new ? draw(rng_, pace_.build) : known->second.build_time;
    by_address_[seen.pod.status.pod_ip] = &seen;
  }
  std::erase_if(processes_, [this](const auto& entry) { return !pods_.contains(entry.first); });
  for (const auto& [uid, process] : processes_) {
    configure(*process);
  }
}

void DataPlane::see_pod(const std::string& text) {
  auto pod = from_json<kube::Pod>(text);
  if (!pod || pod->status.pod_ip.empty()) {
    return;
  }
  const std::string uid = pod->metadata.uid;
  if (pod->metadata.label(api::kComponentLabel) == api::kComponentRouter &&
      !processes_.contains(uid)) {
    auto process = std::make_unique<RouterProcess>(rng_.next());
    process->name = pod->metadata.name;
    processes_.emplace(uid, std::move(process));
  }
  PodSeen seen{.pod = std::move(*pod), .arguments = arguments_of(text)};
  const auto rate = parse_share(value_of(seen.arguments, "--drill-error-rate"));
  const auto latency = parse_duration(value_of(seen.arguments, "--drill-latency"));
  seen.error_rate = rate ? rate->fraction() : 0;
  seen.added_latency = latency.value_or(Duration{0});
  pods_.emplace(uid, std::move(seen));
}

bool DataPlane::is_built(const PodSeen& builder) const {
  return loop_.now() - builder.first_seen >= builder.build_time;
}

// A Service leads to a ready builder, worker or holder that has the revision's files.
bool DataPlane::is_held(std::string_view revision) const {
  return std::ranges::any_of(pods_, [&](const auto& entry) {
    const kube::ObjectMeta& meta = entry.second.pod.metadata;
    const auto kept = kept_.find(meta.uid);
    const bool has_it = meta.label(api::kRevisionLabel) == revision ||
                        (kept != kept_.end() && kept->second.contains(std::string(revision)));
    return has_it && kube::is_ready(entry.second.pod) &&
           meta.label(api::kComponentLabel) != api::kComponentRouter;
  });
}

// Waits for what it is asked for, but not for ever. What it has once, it keeps.
bool DataPlane::has_fetched(const PodSeen& holder) {
  std::set<std::string> asked;
  std::istringstream names{
      std::string(holder.pod.metadata.annotation(rag_index::kHoldsAnnotation))};
  for (std::string name; names >> name;) {
    asked.insert(name);
  }
  std::set<std::string>& kept = kept_[holder.pod.metadata.uid];
  for (const std::string& name : asked) {
    if (is_held(name)) {
      kept.insert(name);
    }
  }
  return kept == asked || loop_.now() - holder.first_seen >= kHolderPatience;
}

// By revision: a digest that several have is held if one of these is.
std::string DataPlane::holding_of(const PodSeen& holder) const {
  wire::BuildReport report{.phase = wire::BuildPhase::kReady, .message = "holds some"};
  const auto kept = kept_.find(holder.pod.metadata.uid);
  for (const auto& revision :
       server_.list<kube::ControllerRevision>(kube::kControllerRevisionKind)) {
    const auto facts =
        from_json<api::RevisionFacts>(revision.metadata.annotation(api::kFactsAnnotation));
    if (facts && kept != kept_.end() && kept->second.contains(revision.metadata.name)) {
      report.held.insert(report.held.end(),
                         {facts->index_digest,
                          facts->evaluation_digest,
                          facts->documents_digest,
                          facts->analyzer_digest.value_or("")});
    }
  }
  std::erase(report.held, "");
  return to_json(report);
}

// Readiness, as the program in the pod would tell its kubelet.
void DataPlane::run_pod(const PodSeen& seen) {
  const kube::ObjectMeta& meta = seen.pod.metadata;
  const std::string_view component = meta.label(api::kComponentLabel);
  bool is_ready = kube::is_ready(seen.pod);
  if (component == api::kComponentBuilder) {
    is_ready = is_built(seen);
  } else if (component == api::kComponentHolder) {
    is_ready = is_ready || has_fetched(seen);
  } else if (component == api::kComponentWorker) {
    const auto ill = unready_until_.find(meta.uid);
    const bool is_ill = ill != unready_until_.end() && loop_.now() < ill->second;
    const bool was_ill = ill != unready_until_.end();  // And has fetched before that.
    // What is fetched stays.
    is_ready = !is_ill && (is_ready || was_ill || is_held(meta.label(api::kRevisionLabel)));
  } else if (component == api::kComponentRouter) {
    is_ready = processes_.at(meta.uid)->lane.has_answering_stable(loop_.now());
  }
  if (is_ready != kube::is_ready(seen.pod)) {
    actors_.set_ready(meta.key(), is_ready);
  }
}

// The router's watch: the table by its rules of admission, endpoints from the slices.
void DataPlane::configure(RouterProcess& process) {
  for (const auto& map : server_.list<kube::ConfigMap>(kube::kConfigMapKind)) {
    const auto text = map.data.find(std::string(api::kRouteTableKey));
    auto table = text == map.data.end()
                     ? Result<wire::RouteTable>(fail(ErrorCode::kNotFound, "no table"))
                     : router::parse_table(text->second);
    if (table && loop_.now() >= deaf_until_ &&
        router::admit(process.table, *table) == router::Admission::kTaken) {
      process.table = std::move(*table);
    }
  }
  if (!process.table) {
    return;
  }
  router::RoutingPlan plan{.table = *process.table};
  for (const auto& slice : server_.list<kube::EndpointSlice>(kube::kEndpointSliceKind)) {
    const std::string service(slice.metadata.label(kube::kServiceNameLabel));
    for (const kube::Endpoint& endpoint : slice.endpoints) {
      if (endpoint.conditions.ready && endpoint.target_ref) {
        plan.endpoints[service].push_back({.pod = endpoint.target_ref->name,
                                           .host = endpoint.addresses.at(0),
                                           .port = static_cast<std::uint16_t>(api::kHttpPort)});
      }
    }
  }
  process.board.set_table(plan.table);
  process.lane.apply(plan);
}

void DataPlane::serve(RouterProcess& process) {
  queries_due_ += pace_.queries_per_second * std::chrono::duration<double>(kTick).count();
  for (; queries_due_ >= 1; queries_due_ -= 1) {
    serve_query(process);
  }
}

// One query from its arrival to its end. The time that its answers take is its own: what else
// happens meanwhile is not seen by it.
void DataPlane::serve_query(RouterProcess& process) {
  ++queries_;
  router::Query query;
  MonotonicTime now = loop_.now();
  std::vector<Outcome> running;
  const auto take = [&](const router::Actions& actions) {
    for (std::size_t i = 0; i < actions.cancel_count; ++i) {
      std::erase_if(running, [&](const Outcome& each) { return each.slot == actions.cancel[i]; });
    }
    for (std::size_t i = 0; i < actions.start_count; ++i) {
      const router::Slot slot = actions.start[i];
      running.push_back(outcome_of(slot, query.attempts[slot]));
    }
    note(process, query, actions);
  };
  take(
      process.lane.query_arrived(query, {.now = now, .is_quarantined = process.board.is_active()}));
  while (!router::Lane::is_over(query)) {
    const auto next = std::ranges::min_element(running, {}, &Outcome::at);
    const auto wake = router::Lane::next_wake(query);
    CHECK(wake || next != running.end());
    if (next == running.end() || (wake && *wake < next->at)) {
      now = std::max(now, *wake);
      take(process.lane.time_passed(query, now));
      continue;
    }
    const Outcome ended = *next;
    running.erase(next);
    now = std::max(now, ended.at);
    take(process.lane.attempt_ended(query, ended.slot, ended.end, now));
  }
}

void DataPlane::note(RouterProcess& process,
                     const router::Query& query,
                     const router::Actions& actions) {
  for (std::size_t i = 0; i < actions.sample_count; ++i) {
    process.board.record(
        actions.samples[i].revision, actions.samples[i].has_failed, loop_.wall_now());
  }
  const bool is_bad_answer =
      actions.answer && query.attempts[*actions.answer].state != router::AttemptState::kAnswered;
  if (actions.refuse || is_bad_answer) {
    (is_excused(process) ? excused_ : failures_) += 1;
  }
}

bool DataPlane::is_excused(const RouterProcess& process) const {
  const auto& stable = process.lane.table().stable;
  const auto hurt = stable ? hurt_at_.find(stable->revision) : hurt_at_.end();
  return hurt != hurt_at_.end() && loop_.now() - hurt->second < kExcuse;
}

// A worker that is gone refuses at once.
DataPlane::Outcome DataPlane::outcome_of(router::Slot slot, const router::Attempt& attempt) {
  constexpr double kSpoiltShare = 0.2;
  const auto worker = by_address_.find(attempt.endpoint->address.host);
  if (worker == by_address_.end()) {
    return {.slot = slot,
            .at = attempt.started + kRefusedAfter,
            .end = {.failure = router::FailureClass::kConnect}};
  }
  const PodSeen& seen = *worker->second;
  const double rate = attempt.endpoint->revision == spoilt_ ? kSpoiltShare : seen.error_rate;
  Outcome outcome{.slot = slot,
                  .at = attempt.started + draw(rng_, pace_.answer) + seen.added_latency};
  if (rate > 0 && rng_.unit() < rate) {
    outcome.end = {.failure = router::FailureClass::kStatus, .has_response = true};
  }
  return outcome;
}

std::string DataPlane::report_of(const PodSeen& builder) const {
  if (!is_built(builder)) {
    return to_json(wire::BuildReport{.phase = wire::BuildPhase::kDownloading});
  }
  const auto spec = from_json<api::RagIndexSpec>(value_of(builder.arguments, "--spec-json"));
  if (!spec) {
    return to_json(
        wire::BuildReport{.phase = wire::BuildPhase::kFailed, .message = spec.error().message});
  }
  api::RevisionFacts facts = facts_of(*spec);
  if (std::string words = value_of(builder.arguments, "--analyzer-digest"); !words.empty()) {
    facts.analyzer_digest = std::move(words);
  }
  return to_json(wire::BuildReport{.phase = wire::BuildPhase::kReady,
                                   .documents_digest = facts.documents_digest,
                                   .facts = facts});
}

std::string DataPlane::counters_of(const RouterProcess& process, WallTime now) {
  const wire::RouteTable& table = process.lane.table();
  wire::Counters counters{
      .process_start_id = process.name,
      .router = process.name,
      .at = now,
      .table = {.uid = table.uid, .epoch = table.epoch, .generation = table.generation},
      .candidate_weight = table.candidate ? table.candidate->weight : Share{}};
  router::TallySum sum;
  sum.add(process.lane.tally());
  sum.write(counters);
  counters.quarantine = process.board.report();
  return to_json(counters);
}

// http://<address>:8080/<path>
std::optional<HttpResponse> DataPlane::answer(const HttpRequest& request) {
  if (is_scrape_lost_ && is_scrape_lost_()) {
    return std::nullopt;
  }
  for (const auto& [uid, seen] : pods_) {
    const std::string base =
        "http://" + seen.pod.status.pod_ip + ":" + std::to_string(api::kHttpPort);
    if (!request.url.starts_with(base + "/")) {
      continue;
    }
    const std::string path = request.url.substr(base.size());
    const std::string_view component = seen.pod.metadata.label(api::kComponentLabel);
    if (path == "/counters" && component == api::kComponentRouter) {
      return HttpResponse{.status = 200,
                          .body = counters_of(*processes_.at(uid), loop_.wall_now())};
    }
    if (path == "/report" && component == api::kComponentBuilder) {
      return HttpResponse{.status = 200, .body = report_of(seen)};
    }
    if (path == "/report" && component == api::kComponentHolder && kube::is_ready(seen.pod)) {
      return HttpResponse{.status = 200, .body = holding_of(seen)};
    }
    if (path == "/evaluation" && component == api::kComponentBuilder && is_built(seen)) {
      const auto spec = from_json<api::RagIndexSpec>(value_of(seen.arguments, "--spec-json"));
      return HttpResponse{.status = 200, .body = to_json(evaluation_of(made_of(*spec).ndcg))};
    }
    if (path == "/evaluation" && component == api::kComponentWorker) {
      const std::string digest = value_of(seen.arguments, "--index-digest");
      const auto made = std::ranges::find_if(
          kMade, [&](const Made& each) { return digest == rag_index::digest_of(each.index); });
      CHECK(made != kMade.end());
      return HttpResponse{.status = 200, .body = to_json(evaluation_of(made->ndcg))};
    }
    return HttpResponse{.status = 404, .body = "no such page"};
  }
  return std::nullopt;
}

}  // namespace sluice
