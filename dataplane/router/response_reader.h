#pragma once
// ResponseReader: bytes of a worker's connection in, one response out. The body is collected until
// the caller takes it (all at once, or in parts when it is too large to be held). One for each
// attempt, its lane's thread. Beast stays in the .cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::router {

class ResponseReader {
 public:
  enum class State {
    kNeedMore,
    kDone,
    kBad,  // Not HTTP, or beyond a limit.
  };

  ResponseReader();
  ~ResponseReader();

  // Takes all bytes; some left behind a whole response make it unfit for reuse, not bad.
  [[nodiscard]] State put(std::string_view bytes);
  // The worker closed its side: done if that is how the body ends, else truncated (kNeedMore).
  [[nodiscard]] State end_of_stream();

  [[nodiscard]] bool has_head() const;
  // The rest once has_head().
  [[nodiscard]] int status() const;
  [[nodiscard]] std::string_view reason() const;
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;

  // End-to-end headers as they are to be passed on, each "Name: value\r\n"; without Content-Length.
  [[nodiscard]] const std::string& headers() const { return headers_; }

  // X-Sluice-Revision; empty when it is not there.
  [[nodiscard]] const std::string& revision() const { return revision_; }

  // X-Sluice-Hits, if it is there. Lives as long as the reader.
  [[nodiscard]] std::optional<std::string_view> hits() const { return hits_; }

  // What has arrived of the body and was not taken.
  [[nodiscard]] std::string& body();
  // The connection may carry another request. Once done.
  [[nodiscard]] bool keep_alive() const;

 private:
  struct Parser;
  [[nodiscard]] State state();
  void take_head();

  std::unique_ptr<Parser> parser_;
  std::string inbox_;  // Bytes that make no sense before more have come.
  std::string headers_;
  std::string revision_;
  std::optional<std::string_view> hits_;  // Inside the parser.
  bool took_head_ = false;
};

// Connection, Keep-Alive and the like: they belong to one connection and are not passed on.
[[nodiscard]] bool is_hop_by_hop(std::string_view header_name);

}  // namespace sluice::router
