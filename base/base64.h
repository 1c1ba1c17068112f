#pragma once
// Base64 (RFC 4648, standard alphabet): Secrets, kubeconfig data. Pure.

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

// Padding is required; line breaks and spaces are skipped. Anything else is kInvalid.
[[nodiscard]] Result<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string base64_encode(std::string_view bytes);

}  // namespace sluice
