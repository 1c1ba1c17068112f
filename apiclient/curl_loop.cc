#include "apiclient/curl_loop.h"

#include <curl/curl.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/machine.h"

namespace sluice {
namespace {

constexpr Duration kSlowTask = std::chrono::milliseconds{50};
// The longest sleep: a turn this often keeps since_last_turn() meaningful while nothing happens.
constexpr Duration kTurnMax = std::chrono::seconds{1};
constexpr long kConnectionsKept = 64;

// libcurl's global state is made once, before the first loop, and lives as long as the process.
void initialise_curl_once() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_ALL);
  CHECK(result == CURLE_OK);
}

}  // namespace

struct CurlLoop::State {
  CURLM* multi = nullptr;
  std::function<void()> after_perform = {};
  std::uint64_t last_timer = 0;
  // Ordered by due time, then by arming.
  std::map<std::pair<MonotonicTime, std::uint64_t>, std::function<void()>> timers = {};
  std::unordered_map<std::uint64_t, MonotonicTime> due_times = {};
  std::mutex inbox_mutex = {};
  std::vector<std::function<void()>> inbox = {};
  std::atomic<bool> is_stopping = false;
  std::atomic<std::int64_t> last_turn_ns = 0;
  std::atomic<std::uint64_t> slow_tasks = 0;
};

CurlLoop::CurlLoop() : state_(std::make_unique<State>()) {
  initialise_curl_once();
  state_->multi = curl_multi_init();
  CHECK(state_->multi != nullptr);
  // One connection for each transfer: libcurl would otherwise put all of them on one HTTP/2
  // connection, and one black hole would take the lease and every watch together.
  curl_multi_setopt(state_->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  curl_multi_setopt(state_->multi, CURLMOPT_MAXCONNECTS, kConnectionsKept);
  state_->last_turn_ns = now().since_boot.count();
}

CurlLoop::~CurlLoop() {
  curl_multi_cleanup(state_->multi);
}

MonotonicTime CurlLoop::now() const {
  return monotonic_now();
}

WallTime CurlLoop::wall_now() const {
  return sluice::wall_now();
}

TimerId CurlLoop::call_after(Duration delay, std::function<void()> task) {
  CHECK(task != nullptr);
  const std::uint64_t id = ++state_->last_timer;
  const MonotonicTime due = now() + std::max(delay, Duration{0});
  state_->timers.emplace(std::pair{due, id}, std::move(task));
  state_->due_times.emplace(id, due);
  return TimerId{id};
}

void CurlLoop::cancel(TimerId timer) {
  const auto found = state_->due_times.find(timer.value);
  if (found == state_->due_times.end()) {
    return;
  }
  state_->timers.erase({found->second, timer.value});
  state_->due_times.erase(found);
}

void CurlLoop::post(std::function<void()> task) {
  CHECK(task != nullptr);
  {
    const std::lock_guard lock(state_->inbox_mutex);
    state_->inbox.push_back(std::move(task));
  }
  curl_multi_wakeup(state_->multi);
}

void CurlLoop::run() {
  state_->is_stopping = false;
  while (!state_->is_stopping) {
    turn();
  }
}

void CurlLoop::stop() {
  state_->is_stopping = true;
  curl_multi_wakeup(state_->multi);
}

Duration CurlLoop::since_last_turn() const {
  return now().since_boot - Duration{state_->last_turn_ns.load()};
}

std::uint64_t CurlLoop::slow_tasks() const {
  return state_->slow_tasks;
}

void* CurlLoop::multi() {
  return state_->multi;
}

void CurlLoop::set_after_perform(std::function<void()> task) {
  state_->after_perform = std::move(task);
}

void CurlLoop::turn() {
  state_->last_turn_ns = now().since_boot.count();
  run_inbox();
  run_due_timers();
  int running = 0;
  const CURLMcode performed = curl_multi_perform(state_->multi, &running);
  CHECK(performed == CURLM_OK);
  if (state_->after_perform) {
    run_task(state_->after_perform);
  }
  if (!state_->is_stopping) {
    curl_multi_poll(state_->multi, nullptr, 0, wait_milliseconds(), nullptr);
  }
}

void CurlLoop::run_task(const std::function<void()>& task) {
  const MonotonicTime before = now();
  task();
  if (now() - before > kSlowTask) {
    ++state_->slow_tasks;
  }
}

void CurlLoop::run_inbox() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(state_->inbox_mutex);
    tasks.swap(state_->inbox);
  }
  for (const auto& task : tasks) {
    run_task(task);
  }
}

void CurlLoop::run_due_timers() {
  // Timers armed by these timers wait for the next turn: an endless chain of zero delays must not
  // keep sockets from being served.
  const MonotonicTime limit = now();
  const std::uint64_t last_before = state_->last_timer;
  auto next = state_->timers.begin();
  while (next != state_->timers.end() && next->first.first <= limit) {
    if (next->first.second > last_before) {
      ++next;
      continue;
    }
    const std::uint64_t id = next->first.second;
    const std::function<void()> task = std::move(next->second);
    state_->timers.erase(next);
    state_->due_times.erase(id);
    run_task(task);
    next = state_->timers.begin();  // The task may have cancelled or armed any timer.
  }
}

int CurlLoop::wait_milliseconds() {
  {
    const std::lock_guard lock(state_->inbox_mutex);
    if (!state_->inbox.empty()) {
      return 0;
    }
  }
  Duration wait = kTurnMax;
  if (!state_->timers.empty()) {
    wait = std::min(wait, state_->timers.begin()->first.first - now());
  }
  // Rounded up: waking a fraction of a millisecond early would spin.
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(std::max(wait, Duration{0}));
  return static_cast<int>(whole.count());
}

}  // namespace sluice
