#include "dataplane/router/response_reader.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/check.h"
#include "base/text.h"

namespace sluice::router {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;

constexpr std::uint32_t kHeaderBytesMax = 64 * 1024;
constexpr std::uint64_t kBodyBytesMax = std::uint64_t{1} << 32;
constexpr std::uint64_t kReservedMax = 1024 * 1024;

// A string body that does not believe a worker's Content-Length when it reserves memory.
struct CautiousBody {
  using value_type = std::string;

  class reader {  // NOLINT(readability-identifier-naming): the name is Beast's.
   public:
    template <bool IsRequest, class Fields>
    reader(beast_http::header<IsRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& length, boost::system::error_code& error) {
      error = {};
      body_.reserve(static_cast<std::size_t>(std::min(length.value_or(0), kReservedMax)));
    }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      std::size_t taken = 0;
      for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers);
           ++at) {
        const asio::const_buffer piece = *at;
        body_.append(static_cast<const char*>(piece.data()), piece.size());
        taken += piece.size();
      }
      return taken;
    }

    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

}  // namespace

bool is_hop_by_hop(std::string_view header_name) {
  static constexpr std::array<std::string_view, 10> kNames{"connection",
                                                           "keep-alive",
                                                           "proxy-connection",
                                                           "proxy-authenticate",
                                                           "proxy-authorization",
                                                           "te",
                                                           "trailer",
                                                           "transfer-encoding",
                                                           "upgrade",
                                                           "expect"};
  return std::ranges::any_of(
      kNames, [&](std::string_view name) { return equals_ignoring_case(name, header_name); });
}

struct ResponseReader::Parser {
  beast_http::response_parser<CautiousBody> beast;
};

ResponseReader::ResponseReader() : parser_(std::make_unique<Parser>()) {
  parser_->beast.eager(true);
  parser_->beast.header_limit(kHeaderBytesMax);
  parser_->beast.body_limit(kBodyBytesMax);
}

ResponseReader::~ResponseReader() = default;

ResponseReader::State ResponseReader::put(std::string_view bytes) {
  auto& parser = parser_->beast;
  const bool had_inbox = !inbox_.empty();
  if (had_inbox) {
    inbox_.append(bytes);
    bytes = inbox_;
  }
  std::size_t used = 0;
  boost::system::error_code error;
  while (!parser.is_done() && used < bytes.size()) {
    const std::size_t taken =
        parser.put(asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += taken;
    if (error || taken == 0) {
      break;
    }
  }
  if (had_inbox) {
    inbox_.erase(0, used);
  } else {
    inbox_.assign(bytes.substr(used));
  }
  if (error && error != beast_http::error::need_more) {
    return State::kBad;
  }
  return state();
}

ResponseReader::State ResponseReader::end_of_stream() {
  if (!parser_->beast.got_some()) {
    return State::kNeedMore;  // Beast takes it for a bug to tell it of such an end.
  }
  boost::system::error_code error;
  parser_->beast.put_eof(error);
  return error ? State::kNeedMore : state();
}

ResponseReader::State ResponseReader::state() {
  auto& parser = parser_->beast;
  if (!took_head_ && parser.is_header_done()) {
    took_head_ = true;
    if (parser.get().result_int() < 200) {
      return State::kBad;  // We asked for no interim answer.
    }
    take_head();
  }
  return parser.is_done() ? State::kDone : State::kNeedMore;
}

void ResponseReader::take_head() {
  static constexpr std::string_view kHits = "x-sluice-hits";
  static constexpr std::string_view kRevision = "x-sluice-revision";
  headers_.reserve(256);
  for (const auto& field : parser_->beast.get()) {
    const std::string_view name{field.name_string().data(), field.name_string().size()};
    const std::string_view value{field.value().data(), field.value().size()};
    if (is_hop_by_hop(name) || field.name() == beast_http::field::content_length) {
      continue;
    }
    if (equals_ignoring_case(name, kRevision)) {
      revision_ = value;
    }
    if (equals_ignoring_case(name, kHits)) {
      hits_ = value;
    }
    headers_ += name;
    headers_ += ": ";
    headers_ += value;
    headers_ += "\r\n";
  }
}

bool ResponseReader::has_head() const {
  return took_head_;
}

int ResponseReader::status() const {
  CHECK(took_head_);
  return static_cast<int>(parser_->beast.get().result_int());
}

std::string_view ResponseReader::reason() const {
  const auto reason = parser_->beast.get().reason();
  return {reason.data(), reason.size()};
}

std::optional<std::uint64_t> ResponseReader::content_length() const {
  const auto length = parser_->beast.content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

std::string& ResponseReader::body() {
  return parser_->beast.get().body();
}

bool ResponseReader::keep_alive() const {
  return inbox_.empty() && parser_->beast.is_done() && parser_->beast.keep_alive();
}

}  // namespace sluice::router
