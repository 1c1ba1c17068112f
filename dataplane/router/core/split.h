#pragma once
// Splitter: which queries of one lane go to the candidate. At every prefix of n queries the
// candidate has had w·n of them, give or take less than one, and yet nobody can foretell which:
// the i-th candidate query is number floor((i + U_i) / w), U_i uniform in [0, 1). Smooth round
// robin would be as even, but a client that alternates two kinds of query at 50 % would send each
// arm one kind. One lane each; its thread.

#include <cstdint>

#include "base/rng.h"
#include "base/share.h"

namespace sluice::router {

class Splitter {
 public:
  explicit Splitter(Rng rng) : rng_(rng) {}

  // A new share starts a new count; the same share keeps its place, or a 1 % candidate would
  // starve while endpoints come and go.
  void set_share(Share candidate);

  [[nodiscard]] Share share() const { return share_; }

  // Counts one query; true when it is the candidate's.
  [[nodiscard]] bool next();

 private:
  void draw();

  Rng rng_;
  Share share_{0};
  // Draws are made for the smaller of the two arms: floor((i + U_i) / w) never meets its neighbour
  // by more than one place when w <= 1/2.
  bool draws_candidate_ = true;
  double drawn_share_ = 0;
  std::uint64_t query_ = 0;  // Number of the next query.
  std::uint64_t drawn_ = 0;  // i: how many were drawn.
  std::uint64_t next_ = 0;   // The number of the next query of the drawn arm.
};

}  // namespace sluice::router
