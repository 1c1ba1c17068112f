#pragma once
// decide: what to do about a RagIndex. Guards in a fixed order, then one function for each part.
// Total: no I/O, no clock, no logging, no throw; the same input gives the same answer. All that it
// must remember stands in the status it returns and in the labels of the ControllerRevisions.

#include "controllers/rag_index/decision.h"
#include "controllers/rag_index/observation.h"

namespace sluice::rag_index {

[[nodiscard]] Decision decide(const Observation& seen, WallTime now);

}  // namespace sluice::rag_index
