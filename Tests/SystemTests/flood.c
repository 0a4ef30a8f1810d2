// Sends TCP SYNs from addresses that do not exist, at a steady pace.
//
//   flood DEVICE SOURCE-MAC DESTINATION-MAC DESTINATION PORT SYNS-PER-SECOND SECONDS [PREFIX]
//
// Sources are of PREFIX, else of 10.77.64.0/18 or fd77::64:0:0:0/80, with any port, from a seeded generator. 0 a second is
// as fast as it goes.
// Prints how many were sent and in how many seconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 16, TCP_BYTES = 24 };

struct __attribute__((packed)) syn {
    struct ether_header link;
    union __attribute__((packed)) {
        struct iphdr v4;
        struct ip6_hdr v6;
    } ip;
    struct tcphdr tcp;
    uint8_t mss[4];
};

// IPv4: the segment follows the shorter header.
struct __attribute__((packed)) syn4 {
    struct ether_header link;
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t mss[4];
};

static int family = AF_INET, fixed_bits;
static uint8_t prefix[16];

static uint64_t state = 1;

static uint32_t random_bits(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static uint32_t add(uint32_t sum, const void *bytes, size_t count) {
    uint16_t word;
    for (size_t at = 0; at < count; at += 2) {
        memcpy(&word, (const uint8_t *)bytes + at, 2);
        sum += word;
    }
    return sum;
}

static uint16_t fold(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

// Random bits behind those of the prefix.
static void choose_source(uint8_t *address, int byte_count) {
    memcpy(address, prefix, (size_t)byte_count);
    for (int bit = fixed_bits; bit < 8 * byte_count; bit++)
        if (random_bits() & 0x10000) address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

// A segment may lie at any address.
static void finish(void *segment, const void *addresses, size_t byte_count) {
    struct tcphdr tcp;
    memcpy(&tcp, segment, sizeof tcp);
    tcp.source = htons((uint16_t)(1024 + random_bits() % 60000));
    tcp.seq = random_bits();
    tcp.check = 0;
    memcpy(segment, &tcp, sizeof tcp);
    uint32_t sum = add(0, addresses, byte_count) + htons(IPPROTO_TCP) + htons(TCP_BYTES);
    tcp.check = fold(add(sum, segment, TCP_BYTES));
    memcpy(segment, &tcp, sizeof tcp);
}

static void spoof(struct syn *frame) {
    if (family == AF_INET6) {
        choose_source((uint8_t *)&frame->ip.v6.ip6_src, 16);
        finish(&frame->tcp, &frame->ip.v6.ip6_src, 32);
        return;
    }
    struct syn4 *short_frame = (struct syn4 *)frame;
    struct iphdr ip = short_frame->ip;
    choose_source((uint8_t *)&ip.saddr, 4);
    ip.check = 0;
    ip.check = fold(add(0, &ip, sizeof ip));
    short_frame->ip = ip;
    finish(&short_frame->tcp, &ip.saddr, 8);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_mac(const char *text, uint8_t *bytes) {
    unsigned parts[6];
    if (sscanf(text, "%x:%x:%x:%x:%x:%x", parts, parts + 1, parts + 2, parts + 3, parts + 4, parts + 5) != 6) die(text);
    for (int at = 0; at < 6; at++) bytes[at] = (uint8_t)parts[at];
}

static void read_prefix(const char *text) {
    char copy[64];
    snprintf(copy, sizeof copy, "%s", text);
    char *slash = strchr(copy, '/');
    if (!slash) die(text);
    *slash = 0;
    fixed_bits = atoi(slash + 1);
    if (inet_pton(family, copy, prefix) != 1) die(text);
}

// Returns the frame's length.
static size_t make_model(struct syn *model, char **argument) {
    memset(model, 0, sizeof *model);
    read_mac(argument[2], model->link.ether_shost);
    read_mac(argument[3], model->link.ether_dhost);
    struct in6_addr destination;
    if (strchr(argument[4], ':')) family = AF_INET6;
    if (inet_pton(family, argument[4], &destination) != 1) die(argument[4]);
    struct tcphdr tcp = {.dest = htons((uint16_t)atoi(argument[5])), .doff = 6, .syn = 1, .window = htons(65535)};
    if (family == AF_INET6) {
        model->link.ether_type = htons(ETHERTYPE_IPV6);
        model->ip.v6.ip6_flow = htonl(0x60000000);
        model->ip.v6.ip6_plen = htons(TCP_BYTES);
        model->ip.v6.ip6_nxt = IPPROTO_TCP;
        model->ip.v6.ip6_hlim = 64;
        model->ip.v6.ip6_dst = destination;
        model->tcp = tcp;
        memcpy(model->mss, "\2\4\5\264", 4);
        return sizeof *model;
    }
    struct syn4 *short_model = (struct syn4 *)model;
    model->link.ether_type = htons(ETHERTYPE_IP);
    short_model->ip =
        (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .tot_len = htons(20 + TCP_BYTES)};
    memcpy(&short_model->ip.daddr, &destination, 4);
    short_model->tcp = tcp;
    memcpy(short_model->mss, "\2\4\5\264", 4);
    return sizeof *short_model;
}

int main(int count, char **argument) {
    if (count != 8 && count != 9) {
        fprintf(stderr,
                "usage: flood DEVICE SOURCE-MAC DESTINATION-MAC DESTINATION PORT SYNS-PER-SECOND SECONDS [PREFIX]\n");
        return 64;
    }
    struct syn frames[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    memset(messages, 0, sizeof messages);
    struct syn model;
    size_t length = make_model(&model, argument);
    read_prefix(count == 9 ? argument[8] : family == AF_INET6 ? "fd77::64:0:0:0/80" : "10.77.64.0/18");
    for (int at = 0; at < BATCH; at++) {
        frames[at] = model;
        parts[at] = (struct iovec){.iov_base = &frames[at], .iov_len = length};
        messages[at].msg_hdr.msg_iov = &parts[at];
        messages[at].msg_hdr.msg_iovlen = 1;
    }
    int file = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argument[1])};
    if (file < 0 || address.sll_ifindex == 0) die(argument[1]);
    if (bind(file, (struct sockaddr *)&address, sizeof address)) die("bind");
    double rate = atof(argument[6]), seconds = atof(argument[7]), started = now(), time;
    uint64_t sent = 0;
    while ((time = now()) < started + seconds) {
        double ahead = rate > 0 ? started + (double)sent / rate - time : 0;
        if (ahead > 0) {
            usleep((useconds_t)(ahead * 1e6) + 1);
            continue;
        }
        for (int at = 0; at < BATCH; at++) spoof(&frames[at]);
        int done = sendmmsg(file, messages, BATCH, 0);
        if (done > 0) sent += (uint64_t)done;
        else if (errno != ENOBUFS && errno != EAGAIN) die("sendmmsg");
    }
    printf("{\"sent\": %llu, \"seconds\": %.3f}\n", (unsigned long long)sent, now() - started);
    return 0;
}
