#include "tests/fake_api/cel_rules.h"

#include <exception>
#include <functional>
#include <map>
#include <regex>

#include "base/time.h"

namespace sluice::fake {
namespace {

using Predicate = std::function<bool(const Json& self, const Json& old_self)>;

bool has(const Json& self, const char* name) {
  return self.is_object() && self.contains(name);
}

Duration duration_at(const Json& self, const char* name) {
  return parse_duration(text_at(self, {name})).value_or(Duration{0});
}

double percent(const std::string& text) {
  return std::stod(text.substr(0, text.find('%')));
}

bool is_zero_percent(const std::string& text) {
  return text == "0%" || text == "0.0%" || text == "0.00%";
}

// Not there, or from 1 ms to 60 s.
bool is_latency_limit(const Json& self, const char* name) {
  return !has(self, name) || (duration_at(self, name) >= std::chrono::milliseconds{1} &&
                              duration_at(self, name) <= std::chrono::seconds{60});
}

bool is_index_name(const std::string& name) {
  static const std::regex pattern("^[a-z]([-a-z0-9]*[a-z0-9])?$");
  return name.size() <= 40 && std::regex_match(name, pattern);
}

using Rules = std::map<std::string, Predicate>;

// Keyed by the exact text of the CRD: a changed rule is a rule not known.
const Rules& rules_of_rollouts() {
  static const Rules table{
      {"self.weight != '0%' && self.weight != '0.0%' && self.weight != '0.00%'",
       [](const Json& self, const Json&) { return !is_zero_percent(text_at(self, {"weight"})); }},
      {"duration(self.minDuration) <= duration(self.maxDuration)",
       [](const Json& self, const Json&) {
         return duration_at(self, "minDuration") <= duration_at(self, "maxDuration");
       }},
      {"!has(self.maxDuration) || duration(self.maxDuration) > duration('0s')",
       [](const Json& self, const Json&) {
         return !has(self, "maxDuration") || duration_at(self, "maxDuration") > Duration{0};
       }},
      {"!has(self.max) || double(self.max.replace('%', '')) <= 15.0",
       [](const Json& self, const Json&) {
         return !has(self, "max") || percent(text_at(self, {"max"})) <= 15.0;
       }},
      {"!has(self.max) || (duration(self.max) >= duration('1ms') && duration(self.max) <= "
       "duration('60s'))",
       [](const Json& self, const Json&) { return is_latency_limit(self, "max"); }},
      {"!(self.worseThanStableBy in ['0%', '0.0%', '0.00%'])",
       [](const Json& self, const Json&) {
         return !is_zero_percent(text_at(self, {"worseThanStableBy"}));
       }},
      {"self.share != '0%' && self.share != '0.0%' && self.share != '0.00%'",
       [](const Json& self, const Json&) { return !is_zero_percent(text_at(self, {"share"})); }},
      {"(has(self.errorRate) ? 1 : 0) + (has(self.goldenSet) ? 1 : 0) + "
       "(has(self.latency) ? 1 : 0) + (has(self.rankingOverlap) ? 1 : 0) == 1",
       [](const Json& self, const Json&) {
         return (has(self, "errorRate") ? 1 : 0) + (has(self, "goldenSet") ? 1 : 0) +
                    (has(self, "latency") ? 1 : 0) + (has(self, "rankingOverlap") ? 1 : 0) ==
                1;
       }},
      {"duration(self.block) >= duration('5s') && duration(self.block) <= duration('5m')",
       [](const Json& self, const Json&) {
         return duration_at(self, "block") >= std::chrono::seconds{5} &&
                duration_at(self, "block") <= std::chrono::minutes{5};
       }},
      {"!(self.falseRollbackRate in ['0%', '0.0%', '0.00%']) && "
       "double(self.falseRollbackRate.replace('%', '')) <= 20.0",
       [](const Json& self, const Json&) {
         const std::string rate = text_at(self, {"falseRollbackRate"});
         return !is_zero_percent(rate) && percent(rate) <= 20.0;
       }},
      {"duration(self.watchAfterPromotion) <= duration('168h')",
       [](const Json& self, const Json&) {
         return duration_at(self, "watchAfterPromotion") <= std::chrono::hours{168};
       }},
  };
  return table;
}

const Rules& other_rules() {
  static const Rules table{
      {"size(self.metadata.name) <= 40 && "
       "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
       [](const Json& self, const Json&) {
         return is_index_name(text_at(self, {"metadata", "name"}));
       }},
      {"self == oldSelf",
       [](const Json& self, const Json& old_self) {
         return old_self.is_null() || self == old_self;
       }},
      {"!has(self.latencyP95) || (duration(self.latencyP95) >= duration('1ms') && "
       "duration(self.latencyP95) <= duration('60s'))",
       [](const Json& self, const Json&) { return is_latency_limit(self, "latencyP95"); }},
      {"duration(self.every) == duration('0s') || duration(self.every) >= duration('30s')",
       [](const Json& self, const Json&) {
         const Duration every = duration_at(self, "every");
         return every == Duration{0} || every >= std::chrono::seconds{30};
       }},
      {"duration(self.latency) <= duration('30s')",
       [](const Json& self, const Json&) {
         return duration_at(self, "latency") <= std::chrono::seconds{30};
       }},
      {"has(self.inline) != has(self.uri)",
       [](const Json& self, const Json&) { return has(self, "inline") != has(self, "uri"); }},
      {"has(self.uri) == has(self.sha256)",
       [](const Json& self, const Json&) { return has(self, "uri") == has(self, "sha256"); }},
      {"self.overlapTokens < self.maxTokens",
       [](const Json& self, const Json&) {
         return at(self, {"overlapTokens"}).get<double>() < at(self, {"maxTokens"}).get<double>();
       }},
      {"!has(self.slo.ndcgAt10) || has(self.evaluation)",
       [](const Json& self, const Json&) {
         return at(self, {"slo", "ndcgAt10"}).is_null() || has(self, "evaluation");
       }},
      {"has(self.persistentVolumeClaim) == (self.type == 'PersistentVolumeClaim')",
       [](const Json& self, const Json&) {
         return has(self, "persistentVolumeClaim") ==
                (text_at(self, {"type"}) == "PersistentVolumeClaim");
       }},
      {"self.key != '' || self.operator == 'Exists'",
       [](const Json& self, const Json&) {
         return !text_at(self, {"key"}).empty() || text_at(self, {"operator"}) == "Exists";
       }},
      {"self.value == '' || self.operator == 'Equal'",
       [](const Json& self, const Json&) {
         return text_at(self, {"value"}).empty() || text_at(self, {"operator"}) == "Equal";
       }},
      {"!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
       [](const Json& self, const Json&) {
         return !has(self, "tolerationSeconds") || text_at(self, {"effect"}) == "NoExecute";
       }},
  };
  return table;
}

const Predicate* find_rule(const std::string& rule) {
  for (const Rules* table : {&rules_of_rollouts(), &other_rules()}) {
    if (const auto found = table->find(rule); found != table->end()) {
      return &found->second;
    }
  }
  return nullptr;
}

}  // namespace

bool is_known_rule(const std::string& rule) {
  return find_rule(rule) != nullptr;
}

std::optional<bool> evaluate_rule(const std::string& rule, const Json& self, const Json& old_self) {
  const Predicate* found = find_rule(rule);
  if (found == nullptr) {
    return std::nullopt;
  }
  // A rule about oldSelf is a transition rule: it is not run where there is no old value.
  if (rule.find("oldSelf") != std::string::npos && old_self.is_null()) {
    return true;
  }
  try {
    return (*found)(self, old_self);
  } catch (const std::exception&) {
    return false;  // A member is absent that the rule reads: CEL calls that an error, and refuses.
  }
}

}  // namespace sluice::fake
