/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar: the Cedar policy language, whole, knowing nothing of Ward. Pure: text and JSON in, decisions out; no I/O, no
 * clock. The parts stand on each other in this order; docs/cedar.md says what is implemented.
 */
#pragma once

#include "cedar/core/core.h"
#include "cedar/syntax/syntax.h"
#include "cedar/value/value.h"
#include "cedar/schema/schema.h"
#include "cedar/entity/entity.h"
#include "cedar/eval/eval.h"
#include "cedar/partial/partial.h"
#include "cedar/est/est.h"
#include "cedar/validate/validate.h"
#include "cedar/format/format.h"
