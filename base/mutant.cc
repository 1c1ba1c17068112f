#include "base/mutant.h"

#ifdef SLUICE_MUTANTS
namespace sluice {
namespace {

Mutant planted = Mutant::kNone;

}  // namespace

bool is_planted(Mutant mutant) {
  return mutant == planted;
}

void plant(Mutant mutant) {
  planted = mutant;
}

}  // namespace sluice
#endif
