#include "bench/thousand/write.h"

#include <algorithm>

#include "base/json_view.h"
#include "base/json_writer.h"

namespace sluice::bench {
namespace {

std::string text_of(JsonView node, std::string_view key) {
  const auto found = node.find(key);
  return std::string(found ? found->as_string().value_or("") : "");
}

}  // namespace

HttpRequest request_of(const Write& write) {
  HttpRequest request{.method = write.method, .url = write.url, .body = write.body};
  request.headers = {{"Accept", "application/json"}, {"Content-Type", write.content_type}};
  return request;
}

ServerNames names_in(std::string_view answer) {
  const auto document = JsonDocument::parse(answer);
  const auto metadata = document ? document->root().find("metadata") : std::nullopt;
  return metadata ? ServerNames{.uid = text_of(*metadata, "uid"),
                                .resource_version = text_of(*metadata, "resourceVersion")}
                  : ServerNames{};
}

std::string line_of(const Write& write) {
  JsonWriter json;
  json.begin_object();
  for (const auto& [name, value] : {std::pair{"method", &write.method},
                                    std::pair{"url", &write.url},
                                    std::pair{"type", &write.content_type},
                                    std::pair{"body", &write.body},
                                    std::pair{"uid", &write.names.uid},
                                    std::pair{"version", &write.names.resource_version}}) {
    json.member(name, std::string_view(*value));
  }
  return json.end_object().take() + "\n";
}

Result<std::vector<Write>> read_writes(std::string_view text) {
  std::vector<Write> writes;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const auto line = JsonDocument::parse(text.substr(0, end + 1));
    if (!line || text_of(line->root(), "url").empty()) {
      return fail(ErrorCode::kInvalid,
                  "line " + std::to_string(writes.size() + 1) + " is no recorded write");
    }
    const JsonView root = line->root();
    writes.push_back(
        {.method = text_of(root, "method"),
         .url = text_of(root, "url"),
         .content_type = text_of(root, "type"),
         .body = text_of(root, "body"),
         .names = {.uid = text_of(root, "uid"), .resource_version = text_of(root, "version")}});
    text.remove_prefix(end + 1);
  }
  return writes;
}

}  // namespace sluice::bench
