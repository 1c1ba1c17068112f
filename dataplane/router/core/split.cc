#include "dataplane/router/core/split.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace sluice::router {

void Splitter::set_share(Share candidate) {
  CHECK(candidate.ten_thousandths >= 0 && candidate <= kWhole);
  if (candidate == share_) {
    return;
  }
  share_ = candidate;
  draws_candidate_ = candidate.ten_thousandths <= kWhole.ten_thousandths / 2;
  drawn_share_ = draws_candidate_ ? candidate.fraction() : 1.0 - candidate.fraction();
  query_ = 0;
  drawn_ = 0;
  next_ = 0;
  draw();
}

void Splitter::draw() {
  if (drawn_share_ <= 0) {
    return;
  }
  const double place = (static_cast<double>(drawn_) + rng_.unit()) / drawn_share_;
  // Two neighbours may draw one number when 1/w is no integer: the second then takes the next one,
  // which is still inside its own stretch because 1/w >= 2.
  const std::uint64_t earliest = drawn_ == 0 ? 0 : next_ + 1;
  next_ = std::max(earliest, static_cast<std::uint64_t>(std::floor(place)));
  ++drawn_;
}

bool Splitter::next() {
  if (drawn_share_ <= 0) {
    return !draws_candidate_;
  }
  const bool is_drawn = query_ == next_;
  ++query_;
  if (is_drawn) {
    draw();
  }
  return is_drawn == draws_candidate_;
}

}  // namespace sluice::router
