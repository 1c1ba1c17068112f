#include "base/http/connection_count.h"

#include "base/check.h"

namespace sluice::http {

bool ConnectionCount::add(std::uint64_t limit) {
  if (open_ >= limit) {
    ++refused_;
    return false;
  }
  ++open_;
  return true;
}

void ConnectionCount::remove() {
  const std::uint64_t before = open_.fetch_sub(1);
  CHECK(before > 0);
  if (before == 1) {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
}

void ConnectionCount::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

bool ConnectionCount::wait_for_end(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return is_closed_ && open_ == 0; });
}

}  // namespace sluice::http
