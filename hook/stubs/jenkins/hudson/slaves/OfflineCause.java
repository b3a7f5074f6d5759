package hudson.slaves;

public abstract class OfflineCause {
    public static class ChannelTermination extends OfflineCause {
        public final Exception cause;

        public ChannelTermination(Exception cause) {
            this.cause = cause;
        }

        @Override
        public String toString() {
            return "Connection was broken";
        }
    }
}
