#pragma once
// The conditions of our objects as a metric, for alerts: how many objects of a kind have a
// condition of that type, status and reason. Counted from what an informer's cache holds, so the
// series are as many as there are reasons, however many objects there are. Loop thread.

#include <string>
#include <string_view>
#include <vector>

#include "apiclient/informer.h"
#include "apiclient/types/meta.h"
#include "base/metrics.h"

namespace sluice {

// Adds `amount` for each of an object's conditions.
void add_conditions(MetricsRegistry& metrics,
                    std::string_view kind,
                    const std::vector<kube::Condition>& conditions,
                    double amount);

// From now on, for all objects of the informer. Before it starts; `metrics` outlives it.
template <class T>
void count_conditions(Informer<T>& informer, MetricsRegistry& metrics) {
  informer.on_change([&metrics, kind = informer.kind().kind](const Change<T>& change) {
    if (change.before != nullptr) {
      add_conditions(metrics, kind, change.before->status.conditions, -1);
    }
    if (change.after != nullptr) {
      add_conditions(metrics, kind, change.after->status.conditions, 1);
    }
  });
}

}  // namespace sluice
