#include "base/http/request_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/check.h"

namespace sluice::http {
namespace {
namespace beast_http = boost::beast::http;

std::string text_of(boost::beast::string_view view) {
  return {view.data(), view.size()};
}

}  // namespace

struct RequestParser::Parser {
  beast_http::request_parser<beast_http::string_body> beast;
};

RequestParser::RequestParser(ParseLimits limits) : limits_(limits) {
  next();
}

RequestParser::~RequestParser() = default;

void RequestParser::next() {
  parser_ = std::make_unique<Parser>();
  parser_->beast.eager(true);
  parser_->beast.header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
  parser_->beast.body_limit(limits_.body_bytes_max);
  request_ = Request{};
  keep_alive_ = false;
  has_consumed_ = false;
  continue_sent_ = false;
}

bool RequestParser::has_begun() const {
  return has_consumed_ || !inbox_.empty();
}

bool RequestParser::has_header() const {
  return parser_->beast.is_header_done();
}

bool RequestParser::take_expects_continue() {
  if (continue_sent_ || !has_header() || parser_->beast.is_done()) {
    return false;
  }
  const auto& message = parser_->beast.get();
  continue_sent_ = message.version() >= 11 &&
                   boost::beast::iequals(message[beast_http::field::expect], "100-continue");
  return continue_sent_;
}

RequestParser::State RequestParser::refuse(int status,
                                           std::string_view code,
                                           std::string_view message) {
  refusal_ = error_response(status, code, message);
  return State::kBad;
}

RequestParser::State RequestParser::parse() {
  auto& parser = parser_->beast;
  std::size_t used = 0;
  boost::system::error_code error;
  while (!parser.is_done() && used < inbox_.size()) {
    const std::size_t taken =
        parser.put(boost::asio::buffer(inbox_.data() + used, inbox_.size() - used), error);
    used += taken;
    if (error || taken == 0) {
      break;
    }
  }
  inbox_.erase(0, used);
  has_consumed_ = has_consumed_ || used > 0;
  if (parser.is_done() && !error) {
    take_request();
    return State::kDone;
  }
  if (!error || error == beast_http::error::need_more) {
    return State::kNeedMore;
  }
  if (error == beast_http::error::body_limit) {
    return refuse(413, "body_too_large", "The body is larger than this server accepts.");
  }
  if (error == beast_http::error::header_limit) {
    return refuse(431, "headers_too_large", "The headers are larger than this server accepts.");
  }
  return refuse(400, "malformed_request", "This is not a well-formed HTTP/1.1 request.");
}

void RequestParser::take_request() {
  auto& message = parser_->beast.get();
  request_.method = text_of(message.method_string());
  const std::string target = text_of(message.target());
  const std::size_t question = target.find('?');
  request_.path = target.substr(0, question);
  request_.query = question == std::string::npos ? "" : target.substr(question + 1);
  for (const auto& field : message) {
    request_.headers.emplace_back(text_of(field.name_string()), text_of(field.value()));
  }
  request_.body = std::move(message.body());
  keep_alive_ = message.keep_alive();
  is_http_1_0_ = message.version() < 11;
}

}  // namespace sluice::http
