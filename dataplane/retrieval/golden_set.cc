#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/evaluation.h"
#include "dataplane/retrieval/line_reader.h"
#include "dataplane/retrieval/utf8.h"

namespace sluice::retrieval {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLineBytesMax = 1024 * 1024;
constexpr std::size_t kQueriesMax = 1'000'000;
constexpr double kGradeMax = 100;

Result<Json> parse_object(const Line& line) {
  if (line.is_too_long) {
    return fail(ErrorCode::kInvalid, "the line is too long");
  }
  if (!is_utf8(line.text)) {
    return fail(ErrorCode::kInvalid, "not UTF-8");
  }
  Json object = Json::parse(line.text, nullptr, false);
  if (!object.is_object()) {
    return fail(ErrorCode::kInvalid, "not a JSON object");
  }
  return object;
}

Result<std::string> text_of(const Json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_string() || at->get_ref<const std::string&>().empty()) {
    return fail(ErrorCode::kInvalid, std::string("no \"") + name + "\" (a string)");
  }
  return at->get<std::string>();
}

Result<JudgedQuery> parse_judged_query(const Line& line) {
  const Result<Json> object = parse_object(line);
  if (!object) {
    return fail(object.error());
  }
  const Result<std::string> id = text_of(*object, "id");
  const Result<std::string> text = text_of(*object, "query");
  for (const Result<std::string>* field : {&id, &text}) {
    if (!*field) {
      return fail(field->error());
    }
  }
  JudgedQuery query{.id = *id, .text = *text};
  const auto relevant = object->find("relevant");
  if (relevant == object->end() || !relevant->is_object() || relevant->empty()) {
    return fail(ErrorCode::kInvalid,
                "no \"relevant\" (an object of document ids and grades, not empty)");
  }
  for (const auto& [document, grade] : relevant->items()) {
    if (!grade.is_number() || std::fabs(grade.get<double>()) > kGradeMax) {
      return fail(ErrorCode::kInvalid, "the grade of \"" + document + "\" is not a small number");
    }
    query.judged.push_back({.id = hash_of_id(document), .gain = grade.get<double>()});
  }
  return query;
}

// Calls `take` for each line that is not blank; the first refusal ends it, with place and reason.
template <class Take>
Result<std::string> for_each_line(const std::string& path, const Take& take) {
  Result<LineReader> reader = LineReader::open(path, kLineBytesMax);
  if (!reader) {
    return fail(reader.error());
  }
  for (;;) {
    const Result<std::optional<Line>> line = reader->next();
    if (!line) {
      return fail(line.error());
    }
    if (!*line) {
      return reader->digest();
    }
    const bool is_blank = (*line)->text.find_first_not_of(" \t") == std::string_view::npos;
    if (is_blank && !(*line)->is_too_long) {
      continue;
    }
    if (const Status taken = take(**line); !taken) {
      return fail(taken.error().with_context(path + ", line " + std::to_string((*line)->number)));
    }
  }
}

struct Qrel {
  std::string query;
  rankings::Judgement judgement;
};

Result<Qrel> parse_qrel(std::string_view line) {
  const std::size_t first = line.find('\t');
  const std::size_t second = first == std::string_view::npos ? first : line.find('\t', first + 1);
  if (second == std::string_view::npos) {
    return fail(ErrorCode::kInvalid, "not three fields separated by tabs");
  }
  const std::string_view grade = line.substr(second + 1);
  const auto gain = parse_number<double>(grade);
  if (!gain || !(std::fabs(*gain) <= kGradeMax)) {
    return fail(ErrorCode::kInvalid, "the grade is not a small number");
  }
  const std::string_view document = line.substr(first + 1, second - first - 1);
  return Qrel{.query = std::string(line.substr(0, first)),
              .judgement = {.id = hash_of_id(document), .gain = *gain}};
}

using QrelsByQuery = std::unordered_map<std::string, std::vector<rankings::Judgement>>;

Result<QrelsByQuery> read_qrels(const std::string& path) {
  QrelsByQuery qrels;
  const Result<std::string> read = for_each_line(path, [&qrels](const Line& line) -> Status {
    Result<Qrel> qrel = parse_qrel(line.text);
    if (!qrel) {
      return line.number == 1 ? Status{} : fail(qrel.error());  // The head line.
    }
    qrels[qrel->query].push_back(qrel->judgement);
    return {};
  });
  if (!read) {
    return fail(read.error());
  }
  return qrels;
}

}  // namespace

Result<GoldenSet> read_golden_set(const std::string& path) {
  GoldenSet golden;
  std::unordered_set<std::string> ids;
  Result<std::string> digest = for_each_line(path, [&](const Line& line) -> Status {
    Result<JudgedQuery> query = parse_judged_query(line);
    if (!query) {
      return fail(query.error());
    }
    if (!ids.insert(query->id).second) {
      return fail(ErrorCode::kInvalid, "the query id \"" + query->id + "\" came before");
    }
    if (golden.queries.size() == kQueriesMax) {
      return fail(ErrorCode::kInvalid, "too many queries");
    }
    golden.queries.push_back(*std::move(query));
    return {};
  });
  if (!digest) {
    return fail(digest.error());
  }
  if (golden.queries.empty()) {
    return fail(ErrorCode::kInvalid, "the golden set " + path + " has no query");
  }
  golden.digest = *std::move(digest);
  return golden;
}

Result<GoldenSet> read_beir(const std::string& queries_path, const std::string& qrels_path) {
  Result<QrelsByQuery> qrels = read_qrels(qrels_path);
  if (!qrels) {
    return fail(qrels.error());
  }
  GoldenSet golden;
  const Result<std::string> read = for_each_line(queries_path, [&](const Line& line) -> Status {
    const Result<Json> object = parse_object(line);
    if (!object) {
      return fail(object.error());
    }
    const Result<std::string> id = text_of(*object, "_id");
    const Result<std::string> text = text_of(*object, "text");
    if (!id || !text) {
      return fail((!id ? id : text).error());
    }
    if (const auto judged = qrels->find(*id); judged != qrels->end()) {
      golden.queries.push_back({.id = *id, .text = *text, .judged = std::move(judged->second)});
      qrels->erase(judged);
    }
    return {};
  });
  if (!read) {
    return fail(read.error());
  }
  if (golden.queries.empty()) {
    return fail(ErrorCode::kInvalid, "no query of " + queries_path + " is judged in " + qrels_path);
  }
  if (!qrels->empty()) {
    return fail(ErrorCode::kInvalid,
                std::to_string(qrels->size()) + " queries of " + qrels_path + " are not in " +
                    queries_path);
  }
  return golden;
}

}  // namespace sluice::retrieval
