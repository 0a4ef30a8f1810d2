// Sends frames that were proper once: each is one of those given, with some of its bytes changed, cut off or added.
//
//   mutate DEVICE COUNT SEED < FRAMES
//
// FRAMES: a length of two bytes (host byte order), then that many bytes, again and again. Prints how many were sent.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAMES = 1024, BYTES = 1514, HEADERS = 96 };

static struct {
    uint16_t length;
    uint8_t bytes[BYTES];
} frames[FRAMES];

static uint64_t state;

static uint32_t random_bits(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static void die(const char *what) {
    fprintf(stderr, "mutate: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int read_frames(void) {
    int count = 0;
    while (count < FRAMES && fread(&frames[count].length, 2, 1, stdin) == 1) {
        uint16_t length = frames[count].length;
        if (length < 14 || length > BYTES || fread(frames[count].bytes, 1, length, stdin) != length) die("input");
        count++;
    }
    return count;
}

// Values at which headers change their meaning.
static uint8_t telling(void) {
    static const uint8_t values[] = {0, 1, 4, 5, 6, 8, 17, 20, 44, 58, 60, 0x45, 0x46, 0x60, 0x7f, 0x80, 0x86, 0xdd, 0xff};
    return random_bits() % 4 ? values[random_bits() % sizeof values] : (uint8_t)random_bits();
}

static size_t mutate(uint8_t *frame, int count) {
    int chosen = (int)(random_bits() % (uint32_t)count);
    size_t length = frames[chosen].length;
    memcpy(frame, frames[chosen].bytes, length);
    for (uint32_t changes = random_bits() % 5; changes > 0; changes--) {
        size_t within = length < HEADERS || random_bits() % 8 == 0 ? length : HEADERS;
        // The receiver's address stays, or the frame is nobody's.
        size_t at = 6 + random_bits() % (within - 6);
        if (random_bits() % 3) frame[at] = telling();
        else frame[at] ^= (uint8_t)(1 << random_bits() % 8);
    }
    switch (random_bits() % 8) {
        case 0: return 14 + random_bits() % (length - 13);
        case 1:
            if (length + 64 > BYTES) return length;
            for (size_t at = length; at < length + 64; at++) frame[at] = (uint8_t)random_bits();
            return length + random_bits() % 64;
        default: return length;
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count != 4) die("usage: mutate DEVICE COUNT SEED < FRAMES");
    long wanted = atol(arguments[2]), sent = 0;
    state = strtoull(arguments[3], NULL, 10);
    int count = read_frames();
    if (count == 0) die("no frames");
    int wire = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(arguments[1])};
    if (wire < 0 || bind(wire, (struct sockaddr *)&address, sizeof address) < 0) die(arguments[1]);
    uint8_t frame[BYTES + 64];
    while (sent < wanted) {
        size_t length = mutate(frame, count);
        if (send(wire, frame, length, 0) < 0 && errno != ENOBUFS && errno != EINVAL && errno != EMSGSIZE) die("send");
        sent++;
    }
    printf("%ld\n", sent);
    return 0;
}
