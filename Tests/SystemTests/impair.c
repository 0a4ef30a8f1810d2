// A bad wire: forwards frames between two devices, losing, delaying, reordering, repeating and damaging some of them.
//
//   impair DEVICE DEVICE [--seed N] [--loss P] [--duplicate P] [--reorder P] [--corrupt P] [--delay MICROSECONDS]
//          [--rate BITS_PER_SECOND] [--queue BYTES]
//
// P is a probability per frame, in both directions. Each direction has a seeded generator of its own, so that what
// happens to its n-th frame does not depend on how many frames went the other way. A reordered frame is held for up to
// 3 ms longer than the others. With a rate, frames leave one after another at it, and those that find more than the
// queue's bytes waiting are dropped. Prints "ready" when both devices are open and a JSON line of counters on SIGTERM.
//
// Frames keep their offload state (PACKET_VNET_HDR, packet(7)): veth hands over checksums that are not filled in yet,
// and a super-frame of TSO passes as it is. Take TSO off at both ends to have the frames a wire would carry.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FRAME = 80 * 1024, MAX_HELD = 1 << 16, BURST = 64, REORDER_NANOSECONDS = 3000000, PAYLOAD_OFFSET = 54 };

struct frame {
    uint64_t due, order;
    uint32_t size;
    int output;
    uint8_t bytes[];  // struct virtio_net_hdr, then the Ethernet frame
};

static struct frame *held[MAX_HELD];  // binary heap, earliest due first
static size_t held_count;
static int device[2];
static uint64_t next_order, seed = 1, random_state[2];  // one generator a direction
static uint64_t passed, lost, duplicated, reordered, corrupted, queue_full, overflowed, send_failed;
static double loss, duplicate, reorder, corrupt;
static uint64_t delay_nanoseconds, bits_per_second, queue_bytes = UINT64_MAX;
static uint64_t sent_until[2];  // when the last frame of a direction has left the bottleneck
static volatile sig_atomic_t finished;

static void die(const char *what) {
    fprintf(stderr, "impair: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void finish(int signal) {
    (void)signal;
    finished = 1;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// splitmix64
static uint64_t random_bits(int direction) {
    uint64_t z = (random_state[direction] += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool chance(int direction, double probability) {
    return (double)(random_bits(direction) >> 11) * 0x1p-53 < probability;
}

static bool before(const struct frame *a, const struct frame *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void hold(struct frame *frame) {
    if (held_count == MAX_HELD) {
        overflowed++;
        free(frame);
        return;
    }
    frame->order = next_order++;
    size_t at = held_count++;
    while (at > 0 && before(frame, held[(at - 1) / 2])) {
        held[at] = held[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    held[at] = frame;
}

static struct frame *take(void) {
    struct frame *first = held[0], *last = held[--held_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < held_count; at = child) {
        if (child + 1 < held_count && before(held[child + 1], held[child])) child++;
        if (!before(held[child], last)) break;
        held[at] = held[child];
    }
    if (held_count > 0) held[at] = last;
    return first;
}

// A damaged frame must be one whose checksum says so: not one that was to be filled in by a device further on.
static void damage(struct frame *frame, int direction) {
    const struct virtio_net_hdr *offload = (const void *)frame->bytes;
    uint32_t first = sizeof *offload + PAYLOAD_OFFSET;
    if (offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM || frame->size <= first) return;
    frame->bytes[first + random_bits(direction) % (frame->size - first)] ^= (uint8_t)(1u << (random_bits(direction) % 8));
    corrupted++;
}

static struct frame *copy(const struct frame *frame) {
    struct frame *other = malloc(sizeof *frame + frame->size);
    if (other) memcpy(other, frame, sizeof *frame + frame->size);
    return other;
}

// When a frame of that many bytes has passed the bottleneck; 0 when its queue is full.
static uint64_t leave(int direction, uint64_t size) {
    uint64_t time = now();
    if (bits_per_second == 0) return time;
    if (sent_until[direction] < time) sent_until[direction] = time;
    uint64_t waiting = (sent_until[direction] - time) * bits_per_second / 8000000000u;
    if (waiting + size > queue_bytes) return 0;
    sent_until[direction] += size * 8000000000u / bits_per_second;
    return sent_until[direction];
}

static void receive(int input) {
    static uint8_t buffer[MAX_FRAME];
    for (int count = 0; count < BURST; count++) {
        ssize_t size = recv(device[input], buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC);
        if (size < 0) {
            // A device that goes down and comes back says ENETDOWN once.
            if (errno == EAGAIN || errno == EINTR || errno == ENETDOWN) return;
            die("recv");
        }
        if (size > (ssize_t)sizeof buffer) {
            overflowed++;
            continue;
        }
        bool is_lost = chance(input, loss);
        // A lost frame was sent: it takes its time at the bottleneck.
        uint64_t left = leave(input, (uint64_t)size - sizeof(struct virtio_net_hdr));
        if (left == 0) {
            queue_full++;
            continue;
        }
        if (is_lost) {
            lost++;
            continue;
        }
        struct frame *frame = malloc(sizeof *frame + (size_t)size);
        if (!frame) die("malloc");
        frame->size = (uint32_t)size;
        frame->output = 1 - input;
        frame->due = left + delay_nanoseconds;
        memcpy(frame->bytes, buffer, (size_t)size);
        if (chance(input, corrupt)) damage(frame, input);
        struct frame *second = chance(input, duplicate) ? copy(frame) : NULL;
        if (chance(input, reorder)) {
            frame->due += random_bits(input) % REORDER_NANOSECONDS;
            reordered++;
        }
        hold(frame);
        if (second) {
            duplicated++;
            hold(second);
        }
    }
}

static void transmit(void) {
    uint64_t time = now();
    while (held_count > 0 && held[0]->due <= time) {
        struct frame *frame = take();
        ssize_t sent = send(device[frame->output], frame->bytes, frame->size, 0);
        if (sent == (ssize_t)frame->size) passed++;
        else send_failed++;
        free(frame);
    }
}

static int open_device(const char *name) {
    int on = 1, buffer = 32 << 20;
    int file = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (file < 0) die("socket(AF_PACKET)");
    if (setsockopt(file, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on)) die("PACKET_VNET_HDR");
    if (setsockopt(file, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on)) die("PACKET_IGNORE_OUTGOING");
    if (setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer)) die("SO_RCVBUFFORCE");
    if (setsockopt(file, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer)) die("SO_SNDBUFFORCE");
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
    if (address.sll_ifindex == 0) die(name);
    if (bind(file, (struct sockaddr *)&address, sizeof address)) die("bind");
    return file;
}

static void parse(int count, char **argument) {
    if (count < 3) {
        fprintf(stderr, "usage: impair DEVICE DEVICE [--seed N] [--loss P] [--duplicate P] [--reorder P] "
                        "[--corrupt P] [--delay MICROSECONDS] [--rate BITS_PER_SECOND] [--queue BYTES]\n");
        exit(64);
    }
    for (int at = 3; at + 1 < count; at += 2) {
        const char *name = argument[at], *value = argument[at + 1];
        if (!strcmp(name, "--seed")) seed = strtoull(value, NULL, 0);
        else if (!strcmp(name, "--loss")) loss = strtod(value, NULL);
        else if (!strcmp(name, "--duplicate")) duplicate = strtod(value, NULL);
        else if (!strcmp(name, "--reorder")) reorder = strtod(value, NULL);
        else if (!strcmp(name, "--corrupt")) corrupt = strtod(value, NULL);
        else if (!strcmp(name, "--delay")) delay_nanoseconds = strtoull(value, NULL, 0) * 1000;
        else if (!strcmp(name, "--rate")) bits_per_second = strtoull(value, NULL, 0);
        else if (!strcmp(name, "--queue")) queue_bytes = strtoull(value, NULL, 0);
        else {
            fprintf(stderr, "impair: unknown option %s\n", name);
            exit(64);
        }
    }
    for (int direction = 0; direction < 2; direction++) random_state[direction] = seed * 2 + (uint64_t)direction;
}

int main(int count, char **argument) {
    parse(count, argument);
    device[0] = open_device(argument[1]);
    device[1] = open_device(argument[2]);
    signal(SIGTERM, finish);
    signal(SIGINT, finish);
    puts("ready");
    fflush(stdout);
    while (!finished) {
        struct pollfd wait[2] = {{.fd = device[0], .events = POLLIN}, {.fd = device[1], .events = POLLIN}};
        struct timespec timeout = {.tv_sec = 1};
        if (held_count > 0) {
            uint64_t time = now();
            uint64_t left = held[0]->due > time ? held[0]->due - time : 0;
            timeout = (struct timespec){.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
        }
        if (ppoll(wait, 2, &timeout, NULL) < 0 && errno != EINTR) die("ppoll");
        if (wait[0].revents) receive(0);
        if (wait[1].revents) receive(1);
        transmit();
    }
    printf("{\"passed\": %llu, \"lost\": %llu, \"duplicated\": %llu, \"reordered\": %llu, \"corrupted\": %llu, "
           "\"queue_full\": %llu, \"overflowed\": %llu, \"send_failed\": %llu}\n",
           (unsigned long long)passed, (unsigned long long)lost, (unsigned long long)duplicated,
           (unsigned long long)reordered, (unsigned long long)corrupted, (unsigned long long)queue_full,
           (unsigned long long)overflowed, (unsigned long long)send_failed);
    return 0;
}
