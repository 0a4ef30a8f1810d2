#pragma once
#include <stdint.h>
#include "CLinuxFiles.h"
