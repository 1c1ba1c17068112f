#pragma once
// Internal to this folder: the bounds of fields that others write. We read them, so a long label
// or message must not make an object unreadable; the API server has bounded them already.

#include "base/field.h"

namespace sluice::kube {

inline constexpr Field kForeign{.max_length = 1 << 24, .max_items = 1 << 20};

}  // namespace sluice::kube
