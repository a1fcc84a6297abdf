/* Messages for whoever runs the server: lines on stderr, which systemd puts into its journal. */
#ifndef PANEL_LOG_H
#define PANEL_LOG_H

/* Print "toktab-panel: " and one line. Characters that are unsafe on a terminal are escaped. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
