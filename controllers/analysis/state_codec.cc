#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/base64.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/log_sum.h"
#include "controllers/analysis/state.h"

// Layout, little endian: version (1 byte), block index, the fields in the order of visit() below,
// then 4 bytes of checksum over all before. Doubles are their 8 IEEE bytes, integers zigzag
// varints. Both directions go through the same visit(), so that they cannot drift apart.

namespace sluice::analysis {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kTextBytesMax = std::size_t{64} * 1024;
constexpr std::size_t kChecksumBytes = 4;

std::uint32_t checksum(std::string_view bytes) {
  const std::uint64_t hash = name_hash(bytes);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

class Writer {
 public:
  void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }

  void fixed(std::uint64_t value, int size_bytes) {
    for (int i = 0; i < size_bytes; ++i) {
      byte(static_cast<std::uint8_t>(value >> (8 * i)));
    }
  }

  void field(double value) { fixed(std::bit_cast<std::uint64_t>(value), 8); }

  void field(std::uint64_t value) { fixed(value, 8); }

  void field(std::int64_t value) {
    const std::uint64_t sign = value < 0 ? ~0ULL : 0ULL;
    std::uint64_t rest = (static_cast<std::uint64_t>(value) << 1) ^ sign;
    while (rest >= 128) {
      byte(static_cast<std::uint8_t>(rest | 128));
      rest >>= 7;
    }
    byte(static_cast<std::uint8_t>(rest));
  }

  void small(std::uint32_t value, std::uint32_t /*value_max*/) {
    byte(static_cast<std::uint8_t>(value));
  }

  void flag(bool value) { byte(value ? 1 : 0); }

  void index(std::int64_t value, std::size_t /*size*/) { field(value); }

  template <class T>
  void list(std::vector<T>& items, std::size_t /*size_max*/) {
    field(static_cast<std::int64_t>(items.size()));
    for (T& item : items) {
      visit(*this, item);
    }
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// After the first problem everything reads as zero; problem() says what it was.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t byte() {
    if (rest_.empty()) {
      refuse("it ends too early");
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::uint64_t fixed(int size_bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < size_bytes; ++i) {
      value |= static_cast<std::uint64_t>(byte()) << (8 * i);
    }
    return value;
  }

  void field(double& value) {
    value = std::bit_cast<double>(fixed(8));
    if (std::isnan(value)) {
      refuse("a value is not a number");
    }
  }

  void field(std::uint64_t& value) { value = fixed(8); }

  void field(std::int64_t& value) {
    std::uint64_t folded = 0;
    for (int shift = 0;; shift += 7) {
      const std::uint8_t part = byte();
      if (shift == 63 && part > 1) {
        refuse("an integer is too long");
        return;
      }
      folded |= static_cast<std::uint64_t>(part & 127U) << shift;
      if (part < 128) {
        break;
      }
    }
    value = static_cast<std::int64_t>((folded >> 1) ^ (0 - (folded & 1)));
  }

  void small(std::uint32_t& value, std::uint32_t value_max) {
    value = byte();
    if (value > value_max) {
      refuse("a size is too large");
    }
  }

  void flag(bool& value) {
    const std::uint8_t read = byte();
    value = read == 1;
    if (read > 1) {
      refuse("a flag is neither 0 nor 1");
    }
  }

  // A position among `size` items.
  void index(std::int64_t& value, std::size_t size) {
    field(value);
    if (value < 0 || static_cast<std::uint64_t>(value) >= size) {
      refuse("an index is out of range");
      value = 0;
    }
  }

  template <class T>
  void list(std::vector<T>& items, std::size_t size_max) {
    std::int64_t size = 0;
    field(size);
    if (size < 0 || static_cast<std::uint64_t>(size) > size_max) {
      refuse("a list is too long");
      return;
    }
    for (std::int64_t i = 0; i < size && !problem_; ++i) {
      visit(*this, items.emplace_back());
    }
  }

  void refuse(const char* problem) {
    if (problem_ == nullptr) {
      problem_ = problem;
    }
    rest_ = {};
  }

  [[nodiscard]] const char* problem() const { return problem_; }

  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  const char* problem_ = nullptr;
};

template <class Io, class... Fields>
void visit_fields(Io& io, Fields&... fields) {
  (io.field(fields), ...);
}

template <class Io, std::size_t Size>
void visit(Io& io, std::array<double, Size>& values) {
  for (double& value : values) {
    io.field(value);
  }
}

template <class Io>
void visit(Io& io, ArmCounts& counts) {
  visit_fields(io, counts.n, counts.bad);
}

template <class Io>
void visit(Io& io, TwoArmCounts& counts) {
  visit_fields(io, counts.n_candidate, counts.n_stable, counts.bad_candidate, counts.bad_stable);
}

template <class Io>
void visit(Io& io, std::int64_t& value) {
  io.field(value);
}

// Only the points that the process has; the others hold no capital.
template <class Io>
void visit(Io& io, EProcess& process) {
  io.field(process.blocks);
  io.small(process.points, kGridPointsMax);
  for (auto* capitals : {&process.ln_start, &process.ln_restart}) {
    for (std::size_t k = 0; k < capitals->size() && process.points > 0; ++k) {
      if (k < process.points) {
        io.field((*capitals)[k]);
      } else {
        (*capitals)[k] = kMinusInfinity;
      }
    }
  }
}

template <class Io>
void visit(Io& io, NonInferiority& state) {
  visit(io, state.down.a);
  visit(io, state.down.w);
  visit(io, state.up.a);
  visit(io, state.up.w);
}

template <class Io>
void visit(Io& io, PodWindow& window) {
  io.field(window.pod);
  visit(io, window.counts[0]);
  visit(io, window.counts[1]);
}

template <class Io>
void visit(Io& io, Dispersion& dispersion) {
  for (ScaleSum& sum : dispersion.sums) {
    visit_fields(io, sum.x2, sum.df);
  }
  visit_fields(io, dispersion.blocks, dispersion.traffic.value);
  io.flag(dispersion.traffic.is_known);
  io.list(dispersion.windows, kTrackedPodsMax);
}

template <class Io>
void visit(Io& io, StepTotals& totals) {
  io.field(totals.blocks);
  visit(io, totals.candidate);
  visit(io, totals.stable);
  visit_fields(io, totals.pairs.n, totals.pairs.bad_candidate, totals.pairs.bad_stable);
}

template <class Io>
void visit(Io& io, LatencyEdge& edge) {
  io.index(edge.bucket, static_cast<std::size_t>(kLatencyBuckets));
  visit(io, edge.relative);
  visit(io, edge.dispersion);
  io.field(edge.phi);
}

template <class Io>
void visit(Io& io, LatencyCounts& counts) {
  for (SlowCounts& edge : counts.edges) {
    visit_fields(io, edge.candidate, edge.stable);
  }
  visit_fields(io, counts.gate, counts.limit, counts.possibly);
}

// Without edges there is nothing else: one byte where there is no latency objective.
template <class Io>
void visit(Io& io, LatencyState& latency) {
  io.list(latency.edges, kLatencyEdgesMax);
  if (latency.edges.empty()) {
    return;
  }
  io.index(latency.gate, latency.edges.size());
  io.index(latency.limit, latency.edges.size());
  visit(io, latency.absolute);
  visit(io, latency.mask.detectors);
  io.field(latency.mask.clean_blocks);
  visit(io, latency.gate_proof);
  visit(io, latency.limit_excess);
  visit(io, latency.limit_proof);
  visit(io, latency.totals);
  visit_fields(io,
               latency.candidate_answers,
               latency.stable_answers,
               latency.recent.gate_candidate,
               latency.recent.gate_stable,
               latency.recent.possibly);
}

template <class Io>
void visit(Io& io, SeriesTrack& track) {
  io.field(track.series);
  io.list(track.values, kValuesPerSeriesMax);
}

template <class Io>
void visit(Io& io, SourceTrack& track) {
  visit_fields(io, track.source, track.process_start);
  io.list(track.series, kSeriesPerSourceMax);
}

// All of a State but its block index, which stands in front.
template <class Io>
void visit(Io& io, State& state) {
  visit_fields(
      io, state.blocks_used, state.blocks_invalid, state.invalid_in_a_row, state.weight, state.phi);
  visit(io, state.relative);
  visit(io, state.absolute);
  visit(io, state.step);
  visit(io, state.dispersion);
  visit(io, state.mask.detectors);
  io.field(state.mask.clean_blocks);
  visit(io, state.totals);
  io.field(state.recent.weight);
  visit(io, state.recent.live);
  visit(io, state.recent.pairs);
  visit(io, state.latency);
  Marks& marks = state.marks;
  visit_fields(io,
               marks.masked_since,
               marks.weight_raised_at,
               marks.blind_since,
               marks.candidate_blind_since);
  io.list(state.counters.sources, kSourcesMax);
}

tl::unexpected<Error> refused(std::string_view problem) {
  return fail(ErrorCode::kInvalid, fmt::format("stored analysis state: {}", problem));
}

}  // namespace

std::string encode(const State& state) {
  State copy = state;
  Writer writer;
  writer.byte(kVersion);
  writer.field(copy.block_index);
  visit(writer, copy);
  const std::uint32_t sum = checksum(writer.bytes());
  writer.fixed(sum, kChecksumBytes);
  return base64_encode(writer.bytes());
}

Result<State> decode(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return refused(fmt::format("{} bytes are more than {}", text.size(), kTextBytesMax));
  }
  const Result<std::string> decoded = base64_decode(text);
  if (!decoded) {
    return refused(decoded.error().message);
  }
  std::string_view bytes = *decoded;
  if (bytes.size() <= kChecksumBytes) {
    return refused("it is too short");
  }
  // The version comes first: another version's checksum may be another one.
  if (const auto version = static_cast<std::uint8_t>(bytes.front()); version != kVersion) {
    return refused(fmt::format("version {} is not {}", version, kVersion));
  }
  Reader stored_sum(bytes.substr(bytes.size() - kChecksumBytes));
  bytes.remove_suffix(kChecksumBytes);
  if (stored_sum.fixed(kChecksumBytes) != checksum(bytes)) {
    return refused("the checksum does not match: it is truncated or was changed");
  }
  Reader reader(bytes.substr(1));
  State state;
  reader.field(state.block_index);
  visit(reader, state);
  if (reader.problem() != nullptr) {
    return refused(reader.problem());
  }
  if (!reader.is_at_end()) {
    return refused("there are bytes left over");
  }
  return state;
}

}  // namespace sluice::analysis
