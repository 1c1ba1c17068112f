#pragma once
// Sticky users: which of them are the candidate's, by a header that names them. The same in every
// router and at every time, so that a user sees one revision. A user who is the candidate's at one
// weight is so at each greater one. Pure.
//
// The rule is part of the API, so that anybody can tell where a user is: the first eight digits of
//   printf '%s\n%s' <candidate revision> <header value> | sha256sum
// as a number, divided by 2^32, is below the weight (cut to ten-thousandths).

#include <cstddef>
#include <string_view>

#include "base/share.h"

namespace sluice::router {

inline constexpr std::size_t kStickyValueMax = 256;

// Neither an empty value nor one of more than kStickyValueMax bytes names a user.
[[nodiscard]] bool names_user(std::string_view value);

// Where the user stands for this candidate: 0 to 9,999, each as likely. Another candidate draws
// anew: nobody is always the first to try what may be broken.
[[nodiscard]] Share sticky_place(std::string_view revision, std::string_view value);

}  // namespace sluice::router
