// All of the public API.
#pragma once

#include "portfire/module.h"
#include "portfire/trainer.h"
