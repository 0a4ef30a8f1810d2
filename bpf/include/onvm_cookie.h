/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * SYN cookies (RFC 4987 §3.6), value for value those of the NFs' stack (SYNCookie.swift), which the tests hold against
 * each other: the SYN,ACK's sequence number holds the peer's MSS, its timestamp the window shift and SACK.
 * For eBPF and for Swift.
 */
#pragma once
#include "onvm_types.h"

#define ONVM_COOKIE_PERIOD 64000000000ULL /* nanoseconds; a cookie is good for one to two of these */

enum { ONVM_COOKIE_TIMESTAMP_MASK = 31, ONVM_COOKIE_NO_SHIFT = 15, ONVM_COOKIE_SACK = 16 };

struct onvm_cookie_secret {
    __u64 words[2];
};

/* What a cookie is made for, and with it SipHash's input. */
struct onvm_cookie_connection {
    struct onvm_address peer;
    struct onvm_address local;
    __u64 ports; /* the peer's << 16 | ours, as numbers */
};
_Static_assert(sizeof(struct onvm_cookie_connection) == 40, "no hidden padding");

/* What a valid cookie tells. `segment_size` 0: it is none of ours, or too old. */
struct onvm_cookie_content {
    __u32 segment_size;
    __u32 timestamp_offset;
};

#define ONVM_INLINE static inline __attribute__((always_inline))

ONVM_INLINE __u64 onvm_rotate(__u64 value, int bits) { return value << bits | value >> (64 - bits); }

ONVM_INLINE void onvm_sip_round(__u64 *v) {
    v[0] += v[1];
    v[1] = onvm_rotate(v[1], 13) ^ v[0];
    v[0] = onvm_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = onvm_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = onvm_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = onvm_rotate(v[1], 17) ^ v[2];
    v[2] = onvm_rotate(v[2], 32);
}

ONVM_INLINE void onvm_sip_add(__u64 *v, __u64 word) {
    v[3] ^= word;
    onvm_sip_round(v);
    onvm_sip_round(v);
    v[0] ^= word;
}

/* SipHash-2-4 (Aumasson and Bernstein) of the connection and one more word. */
ONVM_INLINE __u64 onvm_cookie_hash(
    const struct onvm_cookie_secret *secret, const struct onvm_cookie_connection *connection, __u64 word) {
    /* The stack derives its cookies' key from its secret in this way. */
    __u64 first = ~secret->words[1], second = secret->words[0] * 0x9e3779b97f4a7c15ULL;
    __u64 v[4] = {
        first ^ 0x736f6d6570736575ULL, second ^ 0x646f72616e646f6dULL, first ^ 0x6c7967656e657261ULL,
        second ^ 0x7465646279746573ULL};
    onvm_sip_add(v, connection->peer.high);
    onvm_sip_add(v, connection->peer.low);
    onvm_sip_add(v, connection->local.high);
    onvm_sip_add(v, connection->local.low);
    onvm_sip_add(v, connection->ports);
    onvm_sip_add(v, word);
    onvm_sip_add(v, 48ULL << 56); /* the length in bytes */
    v[2] ^= 0xff;
    for (int round = 0; round < 4; round++) onvm_sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

ONVM_INLINE __u32 onvm_cookie_second_hash(
    const struct onvm_cookie_secret *secret, const struct onvm_cookie_connection *connection, __u32 count) {
    return onvm_cookie_hash(secret, connection, (__u64)count << 32 | 0xffffffff);
}

/* The values of MSS that a cookie can hold. Comparisons, as a table would be a map of its own. */
ONVM_INLINE __u32 onvm_cookie_size(__u32 index) {
    return index == 0 ? 64 : index == 1 ? 536 : index == 2 ? 1220 : index == 3 ? 1360 : index == 4 ? 1440
         : index == 5 ? 1460 : index == 6 ? 4312 : 8960;
}

ONVM_INLINE __u32 onvm_cookie_index(__u32 size) {
    return (size >= 536) + (size >= 1220) + (size >= 1360) + (size >= 1440) + (size >= 1460) + (size >= 4312)
         + (size >= 8960);
}

/*
 * The cookie that answers a SYN, in the low half. The high half is the offset of the connection's timestamp clock
 * (RFC 7323 §5.4), from the other half of the same hash.
 */
ONVM_INLINE __u64 onvm_cookie_make(
    const struct onvm_cookie_secret *secret, const struct onvm_cookie_connection *connection, __u32 sequence,
    __u32 segment_size, __u64 now) {
    __u64 hash = onvm_cookie_hash(secret, connection, sequence);
    __u32 count = now / ONVM_COOKIE_PERIOD;
    __u32 value = onvm_cookie_second_hash(secret, connection, count & 0xff) + onvm_cookie_index(segment_size);
    __u32 cookie = (__u32)hash + (count << 24) + (value & 0xffffff);
    return (hash & 0xffffffff00000000ULL) | cookie;
}

/* The content of a cookie that came back for a SYN with `sequence`. */
ONVM_INLINE struct onvm_cookie_content onvm_cookie_read(
    const struct onvm_cookie_secret *secret, const struct onvm_cookie_connection *connection, __u32 sequence,
    __u32 cookie, __u64 now) {
    struct onvm_cookie_content content = {};
    __u64 hash = onvm_cookie_hash(secret, connection, sequence);
    __u32 value = cookie - (__u32)hash, made = value >> 24, count = now / ONVM_COOKIE_PERIOD;
    if (((count - made) & 0xff) >= 2) return content;
    __u32 index = (value - onvm_cookie_second_hash(secret, connection, made)) & 0xffffff;
    if (index >= 8) return content;
    content.segment_size = onvm_cookie_size(index);
    content.timestamp_offset = hash >> 32;
    return content;
}

/* The timestamp that keeps a SYN's window shift (255: it gave none) and SACK in its low bits. Never ahead of the clock. */
ONVM_INLINE __u32 onvm_cookie_timestamp(__u32 clock, __u32 shift, int permits_sack) {
    __u32 content = (shift == 255 ? ONVM_COOKIE_NO_SHIFT : shift) | (permits_sack ? ONVM_COOKIE_SACK : 0);
    __u32 value = (clock & ~(__u32)ONVM_COOKIE_TIMESTAMP_MASK) | content;
    return (__s32)(value - clock) > 0 ? value - (ONVM_COOKIE_TIMESTAMP_MASK + 1) : value;
}
