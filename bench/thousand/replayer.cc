#include "bench/thousand/replayer.h"

#include <utility>

#include "base/check.h"
#include "bench/thousand/pairs.h"

namespace sluice::bench {
namespace {

std::string problem_of(const Result<HttpResponse>& answer) {
  return answer ? "HTTP status " + std::to_string(answer->status) + ": " + answer->body
                : answer.error().describe();
}

}  // namespace

void Replayer::start(const std::vector<Write>& writes, std::function<void()> done) {
  CHECK(done_ == nullptr);
  CHECK(!writes.empty());
  done_ = std::move(done);
  for (const Write& write : writes) {
    const std::string name = pair_of(write);
    Pair& pair = pairs_[name];
    if (pair.writes.empty()) {
      waiting_.push_back(name);
    }
    pair.writes.push_back(write);
  }
  while (in_flight_ < in_flight_max_ && !waiting_.empty()) {
    next_pair();
  }
}

void Replayer::next_pair() {
  const std::string name = std::move(waiting_.front());
  waiting_.pop_front();
  ++in_flight_;
  go_on(name);
}

void Replayer::go_on(const std::string& name) {
  const auto found = pairs_.find(name);
  CHECK(found != pairs_.end());
  if (found->second.writes.empty()) {
    pairs_.erase(found);
    --in_flight_;
    if (!waiting_.empty()) {
      next_pair();
    } else if (in_flight_ == 0) {
      done_();
    }
    return;
  }
  Write write = std::move(found->second.writes.front());
  found->second.writes.pop_front();
  HttpRequest request = request_of(write);
  request.body = of_now(found->second, request.body);
  write.body.clear();
  transport_.start(
      std::move(request),
      {.on_done = [this, name, write = std::move(write)](const Result<HttpResponse>& answer) {
        take(pairs_.at(name), write, answer);
        go_on(name);
      }});
}

void Replayer::take(Pair& pair, const Write& write, const Result<HttpResponse>& answer) {
  if (!answer || answer->status < 200 || answer->status >= 300) {
    if (failed_++ == 0) {
      first_failure_ = write.method + " " + write.url + ": " + problem_of(answer);
    }
    return;
  }
  ++made_;
  const ServerNames names = names_in(answer->body);
  pair.now[write.names.uid] = names.uid;
  pair.now[write.names.resource_version] = names.resource_version;
}

// Both stand in quotes wherever they stand.
std::string Replayer::of_now(const Pair& pair, const std::string& text) {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t open = text.find('"'); open != std::string::npos; open = text.find('"', done)) {
    const std::size_t close = text.find('"', open + 1);
    if (close == std::string::npos) {
      break;
    }
    const auto known = pair.now.find(text.substr(open + 1, close - open - 1));
    if (known == pair.now.end() || known->first.empty()) {
      // The end of this piece may begin the next one: text between quotes is found either way.
      out.append(text, done, close - done);
      done = close;
    } else {
      out.append(text, done, open + 1 - done).append(known->second) += '"';
      done = close + 1;
    }
  }
  return out.append(text, done, std::string::npos);
}

}  // namespace sluice::bench
