/* What the liveness bench measures against, and the network that it measures on.
 *
 *   liveness floor COUNT RUNS        ping 127.1.0.0 and on, sendmmsg and recvmmsg, print CPU and wall
 *   liveness hosts DELAY_US EVERY    make hosts0; answer pings after a delay, but not each EVERYth
 *                                    address (0: all); lines "cut N" and "answer N" on stdin
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 128, TAKE = 256, WINDOW = 256, LENGTH = 36, ROOM = 1 << 17, MOST = 65536 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static uint16_t sum(const void *data, int length) {
    const uint16_t *word = data;
    uint32_t total = 0;
    for (; length > 1; length -= 2) total += *word++;
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return ~total;
}

static int floor_loop(int count, int runs) {
    static struct sockaddr_in to[MOST], from[TAKE];
    static char out[MOST][LENGTH], in[TAKE][128], seen[MOST];
    static struct iovec ovec[MOST], ivec[TAKE];
    static struct mmsghdr omsg[MOST], imsg[TAKE];
    int raw = 0, big = 8 << 20, file = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    uint16_t id = getpid();
    if (file < 0) {
        file = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
        raw = 1;
        uint32_t only = ~(1u << ICMP_ECHOREPLY);
        setsockopt(file, SOL_RAW, 1, &only, sizeof only);
    }
    if (file < 0) { perror("socket"); return 1; }
    if (!raw && !bind(file, (void *)&any, size) && !getsockname(file, (void *)&any, &size))
        id = ntohs(any.sin_port);
    if (setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big))
        setsockopt(file, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    for (int i = 0; i < count; i++) {
        to[i].sin_family = AF_INET;
        to[i].sin_addr.s_addr = htonl(0x7f010000u + i);
        struct icmphdr *h = (void *)out[i];
        h->type = ICMP_ECHO;
        h->un.echo.id = htons(id);
        memcpy(out[i] + 8, &i, 4);
        h->checksum = sum(out[i], LENGTH);
        ovec[i] = (struct iovec){out[i], LENGTH};
        omsg[i].msg_hdr = (struct msghdr){.msg_name = &to[i], .msg_namelen = sizeof to[i],
                                          .msg_iov = &ovec[i], .msg_iovlen = 1};
    }
    for (int i = 0; i < TAKE; i++) {
        ivec[i] = (struct iovec){in[i], sizeof in[i]};
        imsg[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i],
                                          .msg_iov = &ivec[i], .msg_iovlen = 1};
    }
    for (int run = 0; run < runs; run++) {
        int sent = 0, alive = 0;
        memset(seen, 0, sizeof seen);
        double wall = now(), used = cpu();
        while (alive < count && now() - wall < 5) {
            int free = WINDOW - (sent - alive), n = count - sent;
            if (n > BATCH) n = BATCH;
            if (n > free) n = free;
            int went = n > 0 ? sendmmsg(file, omsg + sent, n, MSG_DONTWAIT) : 0;
            if (went > 0) sent += went;
            int came = recvmmsg(file, imsg, TAKE, MSG_DONTWAIT, NULL);
            for (int i = 0; i < came; i++) {
                char *packet = in[i] + (raw ? 20 : 0);
                struct icmphdr *h = (void *)packet;
                int which;
                memcpy(&which, packet + 8, 4);
                if (h->type == ICMP_ECHOREPLY && h->un.echo.id == htons(id) && which >= 0 &&
                    which < count && from[i].sin_addr.s_addr == to[which].sin_addr.s_addr &&
                    !seen[which]) {
                    seen[which] = 1;
                    alive++;
                }
            }
            if (came <= 0 && went <= 0) {
                struct pollfd p = {file, POLLIN, 0};
                poll(&p, 1, 1);
            }
        }
        printf("{\"alive\": %d, \"wall\": %.6f, \"cpu\": %.6f}\n", alive, now() - wall, cpu() - used);
        fflush(stdout);
    }
    return 0;
}

static struct { double at; int length; char data[128]; } waiting[ROOM];

static int hosts(double delay, int every) {
    static char cut[MOST];
    struct ifreq made = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    unsigned head = 0, tail = 0;
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK), keep = 1;
    strcpy(made.ifr_name, "hosts0");
    if (tun < 0 || ioctl(tun, TUNSETIFF, &made)) { perror("tun"); return 1; }
    fcntl(0, F_SETFL, O_NONBLOCK);
    puts("ready");
    fflush(stdout);
    while (keep) {
        struct pollfd p[2] = {{tun, POLLIN, 0}, {0, POLLIN, 0}};
        struct timespec pause = {0, 0}, *until = NULL;
        if (head != tail) {
            double left = waiting[tail % ROOM].at - now();
            pause.tv_nsec = left > 0 ? (long)(left * 1e9) : 0;
            until = &pause;
        }
        ppoll(p, 2, until, NULL);
        if (p[1].revents) {
            char text[4096], *line;
            int n = read(0, text, sizeof text - 1);
            if (n == 0) break;
            text[n > 0 ? n : 0] = 0;
            for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                int which;
                if (sscanf(line, "cut %d", &which) == 1) cut[which] = 1;
                if (sscanf(line, "answer %d", &which) == 1) cut[which] = 0;
                printf("%.9f\n", now());
                fflush(stdout);
            }
        }
        for (;;) {
            char *data = waiting[head % ROOM].data;
            int n = read(tun, data, sizeof waiting[0].data);
            if (n <= 0) break;
            struct icmphdr *h = (void *)(data + 20);
            unsigned which = ((unsigned char)data[18] << 8) + (unsigned char)data[19];
            if (n < 28 || data[0] != 0x45 || data[9] != 1 || h->type != ICMP_ECHO) continue;
            if (cut[which] || (every && which % every == 0)) continue;
            char source[4];
            memcpy(source, data + 12, 4);
            memcpy(data + 12, data + 16, 4);
            memcpy(data + 16, source, 4);
            h->type = ICMP_ECHOREPLY;
            uint32_t total = ntohs(h->checksum) + 0x0800;
            h->checksum = htons((total & 0xffff) + (total >> 16));
            waiting[head % ROOM].at = now() + delay;
            waiting[head % ROOM].length = n;
            if (head - tail < ROOM - 1) head++;
        }
        for (; head != tail && waiting[tail % ROOM].at <= now(); tail++)
            if (write(tun, waiting[tail % ROOM].data, waiting[tail % ROOM].length) < 0) {}
    }
    return 0;
}

int main(int count, char **words) {
    if (count == 4 && !strcmp(words[1], "floor")) return floor_loop(atoi(words[2]), atoi(words[3]));
    if (count == 4 && !strcmp(words[1], "hosts")) return hosts(atoi(words[2]) * 1e-6, atoi(words[3]));
    fprintf(stderr, "usage: liveness floor COUNT RUNS | liveness hosts DELAY_US EVERY\n");
    return 2;
}
