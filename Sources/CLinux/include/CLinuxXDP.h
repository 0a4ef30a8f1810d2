/// AF_XDP definitions newer than Debian 12's kernel headers (6.1). Their use is probed at run time, by errno.
#pragma once
#include <linux/if_xdp.h>
#include <stdint.h>

/// Bind flag, Linux 6.6: frames may span several descriptors.
#define CLINUX_XDP_USE_SG (1 << 4)
/// Descriptor option, Linux 6.6: the frame goes on in the next descriptor.
#define CLINUX_XDP_PKT_CONTD (1 << 0)
/// Descriptor option, Linux 6.8: metadata lies before the frame.
#define CLINUX_XDP_TX_METADATA (1 << 1)
/// UMEM flag, Linux 6.11 (6.8 to 6.10 take `tx_metadata_len` without it).
#define CLINUX_XDP_UMEM_TX_METADATA_LEN (1 << 2)
/// Metadata flag, Linux 6.8: fill in the checksum.
#define CLINUX_XDP_TXMD_FLAGS_CHECKSUM (1 << 1)
/// Socket option, Linux 6.17: descriptors one sendto(2) may send in copy mode.
#define CLINUX_XDP_MAX_TX_SKB_BUDGET 9

/// `struct xdp_umem_reg` of Linux 6.8.
struct CLinux_umem_registration {
    uint64_t address;
    uint64_t byte_count;
    uint32_t chunk_size;
    uint32_t headroom;
    uint32_t flags;
    uint32_t tx_metadata_length;
};
_Static_assert(sizeof(struct CLinux_umem_registration) == 32, "the kernel's layout");

/// `struct xsk_tx_metadata` of Linux 6.8, the request half.
struct CLinux_tx_metadata {
    uint64_t flags;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint32_t pad;
    uint64_t reserved;
};
_Static_assert(sizeof(struct CLinux_tx_metadata) == 24, "the kernel's layout");
