package hudson.security;

import org.springframework.security.core.Authentication;

public abstract class ACL {
    public static final Authentication SYSTEM2 = new Authentication() {};
    /** Threads that act as the system, for tests. */
    private static final ThreadLocal<Authentication> CURRENT = new ThreadLocal<>();

    public static ACLContext as2(Authentication authentication) {
        CURRENT.set(authentication);
        return new ACLContext();
    }

    public static void checkSystem() {
        if (CURRENT.get() != SYSTEM2) throw new SecurityException("anonymous is missing the Overall/Manage permission");
    }

    public abstract boolean hasPermission2(Authentication authentication, Permission permission);
}
