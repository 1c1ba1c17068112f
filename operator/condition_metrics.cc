#include "operator/condition_metrics.h"

#include "base/field.h"

namespace sluice {

void add_conditions(MetricsRegistry& metrics,
                    std::string_view kind,
                    const std::vector<kube::Condition>& conditions,
                    double amount) {
  for (const kube::Condition& condition : conditions) {
    metrics
        .gauge("sluice_conditions",
               "Objects that have a condition of this type, status and reason.",
               {{"kind", std::string(kind)},
                {"type", condition.type},
                {"status", std::string(enum_name(condition.status))},
                {"reason", condition.reason}})
        .add(amount);
  }
}

}  // namespace sluice
